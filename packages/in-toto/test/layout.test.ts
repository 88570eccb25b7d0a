import { describe, expect, test } from "@jest/globals";
import { decodeUtf8, utf8 } from "@stemma/encoding";
import {
  assembleEnvelope,
  DEFAULT_LIMITS,
  type InTotoLimits,
  type Layout,
  readEnvelope,
  readExpires,
  readLayout,
  writeLayout,
} from "../src/index.ts";
import { layout, person, step } from "./support/chain.ts";

const alice = person();
const bob = person();

// biome-ignore lint/suspicious/noExplicitAny: tests reach into documents at will.
type Loose = any;

/** A good layout as plain data, to be spoilt. */
function plain(): Loose {
  const payload = writeLayout(
    layout(
      step("build", [alice, bob], {
        threshold: 2,
        expectedMaterials: [["ALLOW", "*"]],
        expectedProducts: [["DISALLOW", "*"]],
        expectedCommand: ["make"],
      }),
      step("package", [bob]),
    ),
  );
  return JSON.parse(decodeUtf8(readEnvelope(assembleEnvelope(payload, "metablock", [])).message));
}

function read(document: unknown, limits: InTotoLimits = DEFAULT_LIMITS): Layout {
  const envelope = utf8(JSON.stringify({ signatures: [], signed: document }));
  return readLayout(readEnvelope(envelope), limits);
}

function spoil(change: (document: Loose) => void): () => Layout {
  const document = plain();
  change(document);
  return () => read(document);
}

test("a layout is read as it was written", () => {
  const read1 = read(plain());
  expect(read1).toMatchObject({
    readme: "",
    inspections: [],
    authorities: { roots: new Map(), intermediates: [] },
  });
  expect(read1.expires.toISOString()).toBe("2027-01-01T00:00:00.000Z");
  expect([...read1.keys.keys()].sort()).toEqual([alice.publicKey.keyId, bob.publicKey.keyId].sort());
  expect(read1.steps[0]).toMatchObject({
    name: "build",
    threshold: 2,
    keyIds: [alice.publicKey.keyId, bob.publicKey.keyId],
    expectedMaterials: [{ kind: "allow" }],
    expectedProducts: [{ kind: "disallow" }],
    expectedCommand: ["make"],
  });
});

test("its keys have what Python and Go ask of a key: its own id, and the algorithms of key ids", () => {
  const { keyId, scheme, keyType } = alice.publicKey;
  expect(plain().keys[keyId]).toEqual({
    keyid: keyId,
    keyid_hash_algorithms: ["sha256", "sha512"],
    keytype: keyType,
    keyval: { public: expect.stringMatching(/^[0-9a-f]{64}$/) },
    scheme,
  });
});

describe("expires (N-16)", () => {
  test.each(["2027-01-01T00:00:00Z", "2028-02-29T23:59:59Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])(
    "%s is a moment",
    (text) => {
      expect(readExpires(text).toISOString()).toBe(text.replace("Z", ".000Z"));
    },
  );

  test.each([
    "2030-02-30T00:00:00Z",
    "2027-02-29T00:00:00Z",
    "2030-01-01T24:00:00Z",
    "2030-01-01T23:59:60Z",
    "2030-13-01T00:00:00Z",
    "2030-01-01T00:00:00",
    "2030-01-01T00:00:00+00:00",
    "2030-01-01T00:00:00.000Z",
    "2030-01-01T00:00:00z",
    "2030-01-01 00:00:00Z",
    "2030-1-1T00:00:00Z",
    "+002030-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "2030",
    "9999",
    "abc",
    "",
    " 2030-01-01T00:00:00Z",
    "2030-01-01T00:00:00Z\n",
    "２０３０-01-01T00:00:00Z",
  ])("%j is not", (expires) => {
    expect(spoil((document) => Object.assign(document, { expires }))).toThrow(
      expect.objectContaining({ code: "bad_expires" }),
    );
  });
});

describe("thresholds (N-03)", () => {
  test.each([0, -1, "1", null, true, [], 2 ** 53, 3])("%j is refused", (threshold) => {
    expect(spoil((document) => Object.assign(document.steps[0], { threshold }))).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(invalid_threshold|bad_number)$/) }),
    );
  });

  test("1.5 is not even a number here", () => {
    expect(spoil((document) => Object.assign(document.steps[0], { threshold: 1.5 }))).toThrow(
      expect.objectContaining({ code: "bad_number" }),
    );
  });

  test("the same key under two ids can be counted once only (N-02)", () => {
    const twice = (document: Loose) => {
      document.keys.other = { ...document.keys[bob.publicKey.keyId], keyid: "other" };
      document.steps[1].pubkeys.push("other");
    };
    expect(spoil(twice)().steps[1]?.keys.size).toBe(2);
    expect(
      spoil((document) => {
        twice(document);
        document.steps[1].threshold = 2;
      }),
    ).toThrow(expect.objectContaining({ code: "invalid_threshold" }));
  });

  test("PEM white space does not make another key", () => {
    const pem =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----";
    const key = (text: string) => ({
      keytype: "ecdsa",
      scheme: "ecdsa-sha2-nistp256",
      keyval: { public: text },
    });
    expect(
      spoil((document) => {
        document.keys = { one: key(pem), two: key(`\n${pem}\n\n`) };
        document.steps = [{ ...document.steps[1], pubkeys: ["one", "two"], threshold: 2 }];
      }),
    ).toThrow(expect.objectContaining({ code: "invalid_threshold" }));
  });

  test("a key that cannot be used does not count", () => {
    expect(
      spoil((document) => {
        document.keys[alice.publicKey.keyId].scheme = "rsassa-pss-sha256";
      }),
    ).toThrow(expect.objectContaining({ code: "invalid_threshold" }));
  });
});

describe("keys (N-05)", () => {
  test("unknown, mismatched and broken keys are set aside and the rest is read", () => {
    const read1 = spoil((document) => {
      document.keys.gpg = { type: "rsa", method: "pgp+rsa-pkcsv1.5", hashes: ["pgp+SHA2"], keyval: {} };
      document.keys.dsa = { keytype: "dsa", scheme: "dsa", keyval: { public: "00" } };
      document.keys.short = { keytype: "ed25519", scheme: "ed25519", keyval: { public: "00".repeat(31) } };
      document.keys.weak = {
        keytype: "ed25519",
        scheme: "ed25519",
        keyval: { public: `01${"00".repeat(31)}` },
      };
    })();
    expect(new Map([...read1.unusableKeys].map(([keyId, { code }]) => [String(keyId), code]))).toEqual(
      new Map([
        ["dsa", "unsupported_key"],
        ["gpg", "missing_member"],
        ["short", "bad_key"],
        ["weak", "weak_key"],
      ]),
    );
    expect(read1.keys.size).toBe(2);
  });

  test("a key that gives itself another id is refused", () => {
    expect(
      spoil((document) => {
        document.keys[alice.publicKey.keyId].keyid = bob.publicKey.keyId;
      }),
    ).toThrow(expect.objectContaining({ code: "key_id_mismatch" }));
  });

  test("a private key is refused; an empty one, as older tools write, is not", () => {
    const set = (secret: string) =>
      spoil((document) => {
        document.keys[alice.publicKey.keyId].keyval.private = secret;
      });
    expect(set("")().keys.size).toBe(2);
    expect(set("-----BEGIN")).toThrow(expect.objectContaining({ code: "private_key_exposed" }));
  });

  test("key ids like members of Object are key ids (N-07)", () => {
    const read1 = spoil((document) => {
      document.steps[1].pubkeys = ["constructor", "toString", bob.publicKey.keyId];
    })();
    expect([...(read1.steps[1]?.keys.keys() ?? [])]).toEqual([bob.publicKey.keyId]);
    const own = JSON.stringify(plain()).replaceAll(bob.publicKey.keyId, "__proto__");
    const envelope = utf8(`{"signatures":[],"signed":${own}}`);
    expect([...readLayout(readEnvelope(envelope)).keys.keys()]).toContain("__proto__");
    expect({}).not.toHaveProperty("keytype");
  });
});

describe("names", () => {
  test.each([
    "",
    ".",
    "..",
    "a/b",
    "a\\b",
    "../x",
    "a\nb",
    "a\u0000",
    "__proto__",
    "constructor",
    "prototype",
    "x".repeat(129),
  ])("a step cannot be called %j", (name) => {
    expect(spoil((document) => Object.assign(document.steps[0], { name }))).toThrow(
      expect.objectContaining({ code: "bad_name" }),
    );
  });

  test.each(["build", "Build 2", "häuslein", "toString", "x".repeat(128)])(
    "a step can be called %j",
    (name) => {
      expect(spoil((document) => Object.assign(document.steps[0], { name }))().steps[0]?.name).toBe(name);
    },
  );

  test("two steps, or a step and an inspection, cannot share a name", () => {
    expect(spoil((document) => Object.assign(document.steps[1], { name: "build" }))).toThrow(
      expect.objectContaining({ code: "duplicate_name" }),
    );
    const inspection = {
      _type: "inspection",
      name: "build",
      run: [],
      expected_materials: [],
      expected_products: [],
    };
    expect(spoil((document) => document.inspect.push(inspection))).toThrow(
      expect.objectContaining({ code: "duplicate_name" }),
    );
  });
});

describe("limits (N-55)", () => {
  const at = (limits: Partial<InTotoLimits>, change: (document: Loose) => void) => () => {
    const document = plain();
    change(document);
    return read(document, { ...DEFAULT_LIMITS, ...limits });
  };
  const refused = expect.objectContaining({ code: "limit_exceeded" });
  const steps = (count: number) => (document: Loose) => {
    document.steps = Array.from({ length: count }, (_, index) => ({
      ...document.steps[1],
      name: `s${index}`,
    }));
  };
  const rules = (count: number) => (document: Loose) => {
    document.steps[0].expected_products = Array(count).fill(["ALLOW", "x"]);
  };
  const pubkeys = (count: number) => (document: Loose) => {
    document.steps[1].pubkeys = [
      bob.publicKey.keyId,
      ...Array.from({ length: count - 1 }, (_, index) => `k${index}`),
    ];
  };

  test("128 steps, 256 rules and 64 keys of a step are read", () => {
    expect(at({}, steps(128))().steps).toHaveLength(128);
    expect(at({}, rules(256))().steps[0]?.expectedProducts).toHaveLength(256);
    expect(at({}, pubkeys(64))().steps[1]?.keyIds).toHaveLength(64);
  });

  test("one more of each is refused", () => {
    expect(at({}, steps(129))).toThrow(refused);
    expect(at({}, rules(257))).toThrow(refused);
    expect(at({}, pubkeys(65))).toThrow(refused);
  });

  test("keys of the layout", () => {
    expect(at({ keys: 2 }, () => {})().keys.size).toBe(2);
    expect(at({ keys: 1 }, () => {})).toThrow(refused);
  });
});

describe("shape (N-25)", () => {
  test("no member of another type is taken for something else", () => {
    const paths: readonly (readonly (string | number)[])[] = [
      ["_type"],
      ["expires"],
      ["keys"],
      ["steps"],
      ["inspect"],
      ["readme"],
      ["steps", 0],
      ["steps", 0, "_type"],
      ["steps", 0, "name"],
      ["steps", 0, "threshold"],
      ["steps", 0, "pubkeys"],
      ["steps", 0, "pubkeys", 0],
      ["steps", 0, "expected_materials"],
      ["steps", 0, "expected_materials", 0],
      ["steps", 0, "expected_materials", 0, 0],
      ["steps", 0, "expected_command"],
      ["steps", 0, "expected_command", 0],
    ];
    let refused = 0;
    for (const path of paths) {
      const original = path.reduce((node: Loose, key) => node[key], plain());
      for (const value of [null, [], {}, 7, true, "x"]) {
        if (kind(value) === kind(original)) continue;
        // An absent list and null are the same to the optional lists; everything else is refused.
        if (
          value === null &&
          ["inspect", "readme", "expected_materials", "expected_command"].includes(String(path.at(-1)))
        )
          continue;
        const document = plain();
        const parent = path.slice(0, -1).reduce((node: Loose, key) => node[key], document);
        parent[path.at(-1) ?? ""] = value;
        expect(() => read(document)).toThrow(expect.objectContaining({ code: expect.any(String) }));
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(70);
  });

  test.each(["_type", "expires", "keys", "steps"])("%s must be there", (name) => {
    expect(
      spoil((document) => {
        delete document[name];
      }),
    ).toThrow(expect.objectContaining({ code: expect.stringMatching(/^(missing_member|wrong_document)$/) }));
  });

  test("what the reader would refuse is not written either", () => {
    expect(() => writeLayout({ expires: new Date(0), steps: [step("a/b", [alice])] })).toThrow(
      expect.objectContaining({ code: "bad_name" }),
    );
  });
});

function kind(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
}
