import { beforeAll, describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { readTrustedRoot, SIGSTORE_LIMITS, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";
import fc from "fast-check";
import { MockSigstore } from "../../../test/support/sigstore.ts";
import { type BundleJson, bundleJson, edit, envelopeOf, first, flip, outcome } from "./support/bundles.ts";

const TYPE = "application/vnd.in-toto+json";
const statement = utf8('{"_type":"https://in-toto.io/Statement/v1","subject":[]}');

let sigstore: MockSigstore;
let root: TrustedRoot;
let good: Uint8Array;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
  root = readTrustedRoot(sigstore.trustedRoot());
  good = await sigstore.sign(statement, TYPE);
  expect(outcome(good, root, sigstore.now)).toBe("accepted");
});

describe("bundles of another kind", () => {
  test.each<[string, (json: BundleJson) => unknown, string]>([
    [
      "two signatures (N-45)",
      (json) => envelopeOf(json).signatures.push(first(envelopeOf(json).signatures)),
      "bad_sigstore_bundle",
    ],
    ["no signature", (json) => envelopeOf(json).signatures.pop(), "bad_sigstore_bundle"],
    [
      "a signed file",
      (json) => {
        delete json.dsseEnvelope;
        json.messageSignature = {
          messageDigest: { algorithm: "SHA2_256", digest: "AAAA" },
          signature: "AAAA",
        };
      },
      "not_dsse",
    ],
    [
      "a signed file beside the envelope",
      (json) => {
        json.messageSignature = {
          messageDigest: { algorithm: "SHA2_256", digest: "AAAA" },
          signature: "AAAA",
        };
      },
      "bad_sigstore_bundle",
    ],
    ["nothing signed", (json) => delete json.dsseEnvelope, "bad_sigstore_bundle"],
    [
      "a key in place of the certificate",
      (json) => {
        delete json.verificationMaterial.certificate;
        json.verificationMaterial.publicKey = { hint: "constructor" };
      },
      "not_keyless",
    ],
    [
      "a key beside the certificate",
      (json) => {
        json.verificationMaterial.publicKey = { hint: "" };
      },
      "bad_sigstore_bundle",
    ],
    ["no certificate", (json) => delete json.verificationMaterial.certificate, "bad_sigstore_bundle"],
    [
      "a chain in a bundle v0.3",
      ({ verificationMaterial }) => {
        verificationMaterial.x509CertificateChain = {
          certificates: [verificationMaterial.certificate ?? { rawBytes: "" }],
        };
        delete verificationMaterial.certificate;
      },
      "bad_sigstore_bundle",
    ],
    [
      "a chain of none",
      ({ verificationMaterial }) => {
        verificationMaterial.x509CertificateChain = { certificates: [] };
        delete verificationMaterial.certificate;
      },
      "bad_sigstore_bundle",
    ],
    [
      "an entry without a proof of inclusion",
      (json) => delete first(json.verificationMaterial.tlogEntries).inclusionProof,
      "bad_sigstore_bundle",
    ],
    [
      "entries that are no list",
      (json) => Object.assign(json.verificationMaterial, { tlogEntries: { length: 0 } }),
      "bad_sigstore_bundle",
    ],
    [
      "text that the libraries cannot make of an object",
      (json) => Object.assign(first(envelopeOf(json).signatures), { keyid: {} }),
      "bad_sigstore_bundle",
    ],
  ])("%s", (_name, change, code) => {
    expect(outcome(edit(good, change), root, sigstore.now)).toBe(code);
  });

  test("JSON that is not strict", () => {
    const text = Buffer.from(good).toString();
    const payload = Buffer.from("{}").toString("base64");
    const twice = text.replace('"payload":', `"payload":"${payload}","payload":`);
    for (const bad of [
      twice,
      `${text}{}`,
      "",
      "null",
      "[]",
      "\ufeff{}",
      text.slice(1),
      "[".repeat(100_000),
    ]) {
      expect(outcome(utf8(bad), root, sigstore.now)).toBe("bad_sigstore_bundle");
    }
    expect(() => verifyKeyless(utf8(twice), root, sigstore.now)).toThrow(/"payload" stands twice/);
    expect(outcome(Uint8Array.from([0xff, 0xfe]), root, sigstore.now)).toBe("bad_sigstore_bundle");
  });

  const base64Parts: [string, (json: BundleJson) => object, string][] = [
    ["payload", envelopeOf, "payload"],
    ["signature", (json) => first(envelopeOf(json).signatures), "sig"],
    ["certificate", (json) => json.verificationMaterial.certificate ?? {}, "rawBytes"],
    ["log id", (json) => first(json.verificationMaterial.tlogEntries).logId, "keyId"],
    ["body of the entry", (json) => first(json.verificationMaterial.tlogEntries), "canonicalizedBody"],
    [
      "promise",
      (json) => first(json.verificationMaterial.tlogEntries).inclusionPromise ?? {},
      "signedEntryTimestamp",
    ],
    [
      "timestamp",
      (json) => first(json.verificationMaterial.timestampVerificationData?.rfc3161Timestamps),
      "signedTimestamp",
    ],
  ];

  test.each(base64Parts)(
    "base64 that other readers might read otherwise, in the %s",
    (_name, holder, member) => {
      const rewritten = (rewrite: (base64: string) => string): Uint8Array =>
        edit(good, (json) => {
          const part = holder(json) as Record<string, string>;
          part[member] = rewrite(part[member] ?? "");
        });
      const urlSafe = rewritten((text) => text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
      expect(outcome(urlSafe, root, sigstore.now)).toBe("accepted");
      for (const rewrite of [
        (text: string) => `${text}!`,
        (text: string) => `${text.slice(0, 4)} ${text.slice(4)}`,
        (text: string) => `=${text}`,
      ]) {
        expect(outcome(rewritten(rewrite), root, sigstore.now)).toBe("bad_sigstore_bundle");
      }
    },
  );

  test("two signatures, told as such", () => {
    const bundle = edit(good, (json) => envelopeOf(json).signatures.push(first(envelopeOf(json).signatures)));
    expect(() => verifyKeyless(bundle, root, sigstore.now)).toThrow(/has 2 signatures; it must have one/);
  });

  test("text for a terminal, which comes back short and printable", () => {
    const bundle = edit(good, (json) =>
      Object.assign(first(json.verificationMaterial.tlogEntries), {
        kindVersion: { kind: "\u001b[31m\u202e".repeat(1000), version: "0.0.1" },
      }),
    );
    expect(outcome(bundle, root, sigstore.now)).toBe("bad_log_entry");
    expect(() => verifyKeyless(bundle, root, sigstore.now)).toThrow(/^[\x20-\x7e]{1,300}$/);
  });

  test.each(["0x10", "1e3", " 1", "01", "-1", "1.0", "9".repeat(1_000_000), {}])(
    "a number written as %.20j",
    (value) => {
      for (const name of ["logIndex", "integratedTime"]) {
        const bundle = edit(good, (json) =>
          Object.assign(first(json.verificationMaterial.tlogEntries), { [name]: value }),
        );
        expect(outcome(bundle, root, sigstore.now)).toBe("bad_sigstore_bundle");
      }
    },
  );
});

describe("limits, checked before any cryptography (N-55)", () => {
  const many = <T>(item: T, count: number): T[] => new Array(count).fill(item);

  test.each<[string, number, (json: BundleJson, count: number) => void]>([
    [
      "log entries",
      SIGSTORE_LIMITS.logEntries,
      ({ verificationMaterial }, count) => {
        verificationMaterial.tlogEntries = many(first(verificationMaterial.tlogEntries), count);
      },
    ],
    [
      "timestamps",
      SIGSTORE_LIMITS.timestamps,
      ({ verificationMaterial }, count) => {
        const token = first(verificationMaterial.timestampVerificationData?.rfc3161Timestamps);
        verificationMaterial.timestampVerificationData = { rfc3161Timestamps: many(token, count) };
      },
    ],
    [
      "certificates",
      SIGSTORE_LIMITS.certificates,
      (json, count) => {
        const certificate = json.verificationMaterial.certificate ?? { rawBytes: "" };
        json.mediaType = "application/vnd.dev.sigstore.bundle+json;version=0.2";
        json.verificationMaterial.x509CertificateChain = { certificates: many(certificate, count) };
        delete json.verificationMaterial.certificate;
      },
    ],
    [
      "bytes of a certificate",
      SIGSTORE_LIMITS.certificateBytes,
      (json, count) => {
        json.verificationMaterial.certificate = { rawBytes: Buffer.alloc(count).toString("base64") };
      },
    ],
    [
      "bytes of a timestamp",
      SIGSTORE_LIMITS.timestampBytes,
      (json, count) => {
        const signedTimestamp = Buffer.alloc(count).toString("base64");
        json.verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] };
      },
    ],
    [
      "characters of a checkpoint",
      SIGSTORE_LIMITS.checkpointLength,
      (json, count) => {
        const { inclusionProof } = first(json.verificationMaterial.tlogEntries);
        if (inclusionProof !== undefined) inclusionProof.checkpoint.envelope = "9".repeat(count);
      },
    ],
  ])("%s: %d and no more", (_name, limit, change) => {
    expect(
      outcome(
        edit(good, (json) => change(json, limit)),
        root,
        sigstore.now,
      ),
    ).not.toBe("limit_exceeded");
    expect(
      outcome(
        edit(good, (json) => change(json, limit + 1)),
        root,
        sigstore.now,
      ),
    ).toBe("limit_exceeded");
  });

  test("bytes of a bundle", () => {
    const padded = (length: number): Uint8Array => {
      const bytes = new Uint8Array(length).fill(0x20);
      bytes.set(good);
      return bytes;
    };
    expect(outcome(padded(SIGSTORE_LIMITS.bundleBytes), root, sigstore.now)).toBe("accepted");
    expect(outcome(padded(SIGSTORE_LIMITS.bundleBytes + 1), root, sigstore.now)).toBe("limit_exceeded");
  });
});

describe("whatever is changed", () => {
  test("no changed bit of payload, signature or certificate is accepted", () => {
    const part = fc.constantFrom("payload", "sig", "rawBytes");
    fc.assert(
      fc.property(part, fc.nat(), fc.nat({ max: 7 }), (name, at, bit) => {
        const bundle = edit(good, (json) => {
          const holders = [
            envelopeOf(json),
            first(envelopeOf(json).signatures),
            json.verificationMaterial.certificate,
          ];
          for (const holder of holders as (Record<string, string> | undefined)[]) {
            if (holder?.[name] !== undefined) holder[name] = flip(holder[name], at, 1 << bit);
          }
        });
        expect(bundle).not.toEqual(good);
        expect(outcome(bundle, root, sigstore.now)).not.toBe("accepted");
      }),
      { numRuns: 150 },
    );
  });

  test("whatever stands anywhere in a bundle, it is accepted as it was or refused with a code", () => {
    const expected = verifyKeyless(good, root, sigstore.now);
    const strange: readonly unknown[] = [
      null,
      true,
      0,
      2 ** 53,
      "",
      "0",
      "AAAA",
      "\u2014 x y\n",
      [],
      [[]],
      {},
      { length: 1 },
      { toString: 1 },
    ];
    for (const path of pathsOf(bundleJson(good))) {
      for (const value of strange) {
        const bundle = edit(good, (json) => put(json, path, value));
        if (outcome(bundle, root, sigstore.now) !== "accepted") continue;
        expect(verifyKeyless(bundle, root, sigstore.now)).toEqual(expected);
        expect(envelopeOf(bundleJson(bundle)).payload).toBe(envelopeOf(bundleJson(good)).payload);
      }
    }
  });
});

type Path = readonly (string | number)[];

/** Every place in a JSON document. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name]))].filter(
    (found) => found.length > 0,
  );
}

function put(json: BundleJson, path: Path, value: unknown): void {
  const holder = path.slice(0, -1).reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], json);
  (holder as Record<string, unknown>)[path.at(-1) ?? ""] = value;
}
