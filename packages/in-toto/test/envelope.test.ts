import { describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import {
  canonicalJson,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  type JsonObject,
  jsonObject,
  utf8,
} from "@stemma/encoding";
import {
  addSignatures,
  assembleEnvelope,
  DEFAULT_LIMITS,
  type EnvelopeFormat,
  openLayout,
  readEnvelope,
  readLink,
  signersOf,
  signingMessage,
  signLayout,
  signLink,
  signPayload,
  writeLink,
} from "../src/index.ts";
import { layout, link, owners, person, step } from "./support/chain.ts";

const alice = person();
const bob = person();
const both = owners(1, alice, bob).keys;
const sample = link("build", { "a.ts": "a" }, { "a.js": "b" }, ["tsc", "a.ts"]);

/** Parses an envelope of our own making, to change it. */
// biome-ignore lint/suspicious/noExplicitAny: tests reach into documents at will.
type Loose = any;
function open(bytes: Uint8Array): Loose {
  return JSON.parse(decodeUtf8(bytes));
}
function close(document: unknown): Uint8Array {
  return utf8(JSON.stringify(document));
}
function names(bytes: Uint8Array): string[] {
  return signersOf(readEnvelope(bytes), both).map((one) => one.keyId);
}

describe.each<EnvelopeFormat>(["metablock", "dsse"])("%s", (format) => {
  test("what was signed is read back, and its signer found", async () => {
    const bytes = await signLink(sample, [alice], format);
    const envelope = readEnvelope(bytes);
    expect(envelope).toMatchObject({ format, payloadType: "application/vnd.in-toto+json", bytes });
    expect(readLink(envelope)).toEqual({ ...sample, environment: new Map() });
    expect(names(bytes)).toEqual([alice.publicKey.keyId]);
  });

  test("a ceremony signs the same bytes", async () => {
    const payload = writeLink(sample);
    const signature = await alice.sign(signingMessage(payload, format));
    const bytes = assembleEnvelope(payload, format, [{ keyId: alice.publicKey.keyId, signature }]);
    expect(bytes).toEqual(await signLink(sample, [alice], format));
  });

  test("signatures are added without touching the payload, and replace only their own", async () => {
    const first = await signLink(sample, [alice], format);
    const second = await addSignatures(first, [bob]);
    expect(names(second)).toEqual([alice.publicKey.keyId, bob.publicKey.keyId]);
    expect(readEnvelope(second).message).toEqual(readEnvelope(first).message);
    expect(await addSignatures(second, [bob])).toEqual(second);
  });

  test("two signatures of one key count once (N-01)", async () => {
    const document = open(await signLink(sample, [alice], format));
    document.signatures.push(document.signatures[0]);
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
  });

  test("one key under two key ids counts once (N-02)", async () => {
    const document = open(await signLink(sample, [alice], format));
    document.signatures.push({ ...document.signatures[0], keyid: alice.publicKey.legacyKeyId });
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    const twice = new Map([...both, [alice.publicKey.legacyKeyId, alice.publicKey] as const]);
    expect(signersOf(readEnvelope(close(document)), twice)).toHaveLength(1);
  });

  test("the legacy key id finds the key; another one does not", async () => {
    const document = open(await signLink(sample, [alice], format));
    document.signatures[0].keyid = alice.publicKey.legacyKeyId;
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    document.signatures[0].keyid = bob.publicKey.keyId;
    expect(names(close(document))).toEqual([]);
    // A label that means no key here is no hint at all; in a metablock it is part of the form.
    document.signatures[0].keyid = "kms://somebody";
    expect(names(close(document))).toEqual(format === "dsse" ? [alice.publicKey.keyId] : []);
  });

  test("so does the key id that Python computes for a key in PEM", async () => {
    const signer = signerFromPem(generatePrivateKey("ecdsa-p256"));
    const document = open(await signLink(sample, [signer], format));
    document.signatures[0].keyid = signer.publicKey.pemKeyId;
    const found = signersOf(readEnvelope(close(document)), owners(1, alice, signer).keys);
    expect(found.map(({ keyId }) => keyId)).toEqual([signer.publicKey.keyId]);
  });

  test("no signatures, an empty one and a foreign one sign nothing (N-04)", async () => {
    const document = open(await signLink(sample, [alice], format));
    document.signatures[0].sig = "";
    expect(names(close(document))).toEqual([]);
    document.signatures = [];
    expect(names(close(document))).toEqual([]);
    const other = open(await signLink({ ...sample, name: "other" }, [alice], format));
    document.signatures = other.signatures;
    expect(names(close(document))).toEqual([]);
  });

  test("64 signatures are read and 65 refused before any is checked (N-06)", async () => {
    const document = open(await signLink(sample, [alice], format));
    const filler = { keyid: "x", sig: format === "dsse" ? "AA==" : "00" };
    document.signatures = [...Array(63).fill(filler), ...document.signatures];
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    document.signatures.push(filler);
    expect(() => readEnvelope(close(document))).toThrow(expect.objectContaining({ code: "limit_exceeded" }));
  });

  test("signatures in another encoding are refused (N-08)", async () => {
    const document = open(await signLink(sample, [alice], format));
    const { sig } = document.signatures[0];
    const bad =
      format === "dsse"
        ? [`${sig}!`, ` ${sig}`, sig.slice(1), `${sig.slice(0, -3)}===`, `${sig}AA`]
        : [`${sig}zz`, `${sig}0`, sig.toUpperCase(), ` ${sig}`, `0x${sig}`];
    for (const text of bad) {
      document.signatures[0].sig = text;
      expect(() => readEnvelope(close(document))).toThrow(expect.objectContaining({ code: "bad_encoding" }));
    }
  });

  test("every member of another type is refused with a code (N-25)", async () => {
    const original = await signLink(sample, [alice], format);
    for (const value of [null, [], {}, 1, true, "x"]) {
      expect(() => readEnvelope(close(value))).toThrow(expect.objectContaining({ code: expect.any(String) }));
      for (const name of Object.keys(open(original))) {
        const document = open(original);
        if (Array.isArray(value) && name === "signatures") continue;
        if (value instanceof Object && !Array.isArray(value) && name === "signed") continue;
        document[name] = value;
        expect(() => readEnvelope(close(document))).toThrow(
          expect.objectContaining({ code: expect.any(String) }),
        );
      }
    }
  });

  test("names in UTF-16 order and in code point order sign the same", async () => {
    const odd = link("build", {}, { "\uffff": "1", "😀": "2", ÿ: "3" });
    const bytes = await signLink(odd, [alice], format);
    expect(names(bytes)).toEqual([alice.publicKey.keyId]);
    if (format === "metablock") {
      const text = decodeUtf8(readEnvelope(bytes).message);
      expect(text.indexOf("\uffff")).toBeLessThan(text.indexOf("😀"));
    }
  });
});

describe("metablock", () => {
  test("a member that nobody knows is signed with the rest (no model in between)", async () => {
    const payload = new Map(writeLink(sample)).set("x-extra", "kept");
    const bytes = await signPayload(payload, [alice], "metablock");
    expect(names(bytes)).toEqual([alice.publicKey.keyId]);
    expect(decodeUtf8(readEnvelope(bytes).message)).toContain('"x-extra":"kept"');
    const document = open(bytes);
    document.signed["x-extra"] = "changed";
    expect(names(close(document))).toEqual([]);
  });

  test("integers beyond 2^53 keep every digit", async () => {
    const payload: JsonObject = new Map(writeLink(sample)).set(
      "byproducts",
      jsonObject({ "return-value": 9007199254740993n }),
    );
    const bytes = await signPayload(payload, [alice], "metablock");
    expect(names(bytes)).toEqual([alice.publicKey.keyId]);
    const neighbour = utf8(decodeUtf8(bytes).replace("9007199254740993", "9007199254740992"));
    expect(names(neighbour)).toEqual([]);
  });

  test("white space and the order of members do not matter, the content does", async () => {
    const document = open(await signLink(sample, [alice], "metablock"));
    document.signed = Object.fromEntries(Object.entries(document.signed).reverse());
    expect(names(utf8(JSON.stringify(document, null, 3)))).toEqual([alice.publicKey.keyId]);
  });

  test("a member written twice is refused, also by an escape (N-20)", () => {
    const text = '{"signatures":[],"signed":{"_type":"link","_type":"layout"}}';
    const escaped = '{"signatures":[],"signed":{"_type":"link","\\u005ftype":"layout"}}';
    for (const bad of [text, escaped]) {
      expect(() => readEnvelope(utf8(bad))).toThrow(expect.objectContaining({ code: "duplicate_member" }));
    }
  });

  test("a signature without a key id is refused", async () => {
    const document = open(await signLink(sample, [alice], "metablock"));
    delete document.signatures[0].keyid;
    expect(() => readEnvelope(close(document))).toThrow(expect.objectContaining({ code: "missing_member" }));
  });
});

describe("DSSE", () => {
  test("without a key id, or with an empty one, every key is tried", async () => {
    const document = open(await signLink(sample, [bob]));
    delete document.signatures[0].keyid;
    expect(names(close(document))).toEqual([bob.publicKey.keyId]);
    document.signatures[0].keyid = "";
    expect(names(close(document))).toEqual([bob.publicKey.keyId]);
  });

  test("signatures without a key id cost a bounded number of checks", async () => {
    const document = open(await signLink(sample, [bob]));
    delete document.signatures[0].keyid;
    let checks = 0;
    const counting = {
      ...alice.publicKey,
      verify: () => {
        checks += 1;
        return false;
      },
    };
    document.signatures = Array(64).fill(document.signatures[0]);
    const keys = new Map(
      Array.from({ length: 64 }, (_, index) => [
        `key${index}` as never,
        { ...counting, fingerprint: `${index}` as never },
      ]),
    );
    expect(signersOf(readEnvelope(close(document)), keys)).toEqual([]);
    expect(checks).toBe(DEFAULT_LIMITS.unlabelledChecks);
  });

  test("the URL-safe alphabet is read, with and without padding", async () => {
    const signed = await signLink(link("build", {}, { "ÿÿÿ>>>???": "~~~" }), [alice]);
    const document = open(signed);
    const urlSafe = (text: string) => text.replaceAll("+", "-").replaceAll("/", "_");
    document.payload = urlSafe(document.payload);
    document.signatures[0].sig = urlSafe(document.signatures[0].sig);
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    document.payload = document.payload.replace(/=+$/, "");
    document.signatures[0].sig = document.signatures[0].sig.replace(/=+$/, "");
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
  });

  test("what was verified is what is parsed: the payload is never encoded again", async () => {
    const body = utf8('{ "products": {}, "materials": {},\n "name": "build", "_type": "link" }');
    const payloadType = "application/vnd.in-toto+json";
    const message = utf8(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} ${decodeUtf8(body)}`);
    const document = {
      payload: encodeBase64(body),
      payloadType,
      signatures: [{ sig: encodeBase64(await alice.sign(message)) }],
    };
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    // Canonical JSON of the same link is another text, for which there is no signature.
    document.payload = encodeBase64(canonicalJson(readEnvelope(close(document)).payload));
    expect(names(close(document))).toEqual([]);
  });

  test.each(["application/vnd.in-toto+jsoŮ", "application/vnd.in-toto./+json", "application/json", ""])(
    "the payload type %j is refused (N-24)",
    async (payloadType) => {
      const document = { ...open(await signLink(sample, [alice])), payloadType };
      expect(() => readEnvelope(close(document))).toThrow(
        expect.objectContaining({ code: "unsupported_payload_type" }),
      );
    },
  );

  test("a payload type that names a predicate is for statements alone (N-24)", async () => {
    const payloadType = "application/vnd.in-toto.link+json";
    const envelope = readEnvelope(close({ ...open(await signLink(sample, [alice])), payloadType }));
    expect(() => readLink(envelope)).toThrow(expect.objectContaining({ code: "unsupported_payload_type" }));
  });

  test("the signature covers the payload type", async () => {
    const document = open(await signLink(sample, [alice]));
    const message = Buffer.from(document.payload, "base64");
    document.signatures[0].sig = encodeBase64(await alice.sign(message));
    expect(names(close(document))).toEqual([]);
  });

  test("members that DSSE does not know are ignored; an envelope of two formats is refused", async () => {
    const document = { ...open(await signLink(sample, [alice])), extra: [1, 2] };
    expect(names(close(document))).toEqual([alice.publicKey.keyId]);
    expect(() => readEnvelope(close({ ...document, signed: {} }))).toThrow(
      expect.objectContaining({ code: "unsupported_envelope" }),
    );
    expect(() => readEnvelope(close({ mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json" }))).toThrow(
      expect.objectContaining({ code: "unsupported_envelope" }),
    );
  });

  test("in a Sigstore bundle without a key id in its signature, the hint beside it is the key id", async () => {
    const dsseEnvelope = open(await signLink(sample, [alice]));
    const bundle = (hint: unknown, keyid = "") =>
      close({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
        verificationMaterial: hint === undefined ? {} : { publicKey: { hint } },
        dsseEnvelope: { ...dsseEnvelope, signatures: [{ ...dsseEnvelope.signatures[0], keyid }] },
      });
    const keyIdIn = (bytes: Uint8Array) => readEnvelope(bytes).signatures[0]?.keyId;
    const { keyId } = alice.publicKey;
    expect(keyIdIn(bundle(keyId))).toBe(keyId);
    expect(keyIdIn(bundle("one", "another"))).toBe("another");
    expect(names(bundle(bob.publicKey.keyId))).toEqual([]);
    // Others may write whatever they like there.
    for (const hint of [undefined, "", "two words", "x".repeat(257), 1, null, [keyId]]) {
      expect(keyIdIn(bundle(hint))).toBeUndefined();
      expect(names(bundle(hint))).toEqual([keyId]);
    }
  });

  test("a payload of the limit is read and one byte more refused", async () => {
    const bytes = await signLink(sample, [alice]);
    const size = Buffer.from(open(bytes).payload, "base64").length;
    expect(readEnvelope(bytes, { ...DEFAULT_LIMITS, payloadBytes: size }).format).toBe("dsse");
    expect(() => readEnvelope(bytes, { ...DEFAULT_LIMITS, payloadBytes: size - 1 })).toThrow(
      expect.objectContaining({ code: "limit_exceeded" }),
    );
    expect(() => readEnvelope(bytes, { ...DEFAULT_LIMITS, envelopeBytes: bytes.length - 1 })).toThrow(
      expect.objectContaining({ code: "too_large" }),
    );
  });
});

describe("owners of a layout", () => {
  const content = layout(step("build", [alice]));

  test("the threshold counts distinct keys, out of the owners' keys only", async () => {
    const carl = person();
    const open2 = async (...signers: (typeof alice)[]) =>
      openLayout(await signLayout(content, signers), owners(2, alice, bob));
    expect((await open2(alice, bob)).signers).toHaveLength(2);
    await expect(open2(alice)).rejects.toMatchObject({ code: "layout_threshold_not_met" });
    await expect(open2(alice, alice)).rejects.toMatchObject({ code: "layout_threshold_not_met" });
    await expect(open2(alice, carl)).rejects.toMatchObject({ code: "layout_threshold_not_met" });
  });

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])("the threshold %d is refused (N-03)", async (threshold) => {
    const bytes = await signLayout(content, [alice]);
    expect(() => openLayout(bytes, owners(threshold, alice))).toThrow(
      expect.objectContaining({ code: "invalid_threshold" }),
    );
  });

  test("a link is not a layout", async () => {
    const bytes = await signLink(sample, [alice]);
    expect(() => openLayout(bytes, owners(1, alice))).toThrow(
      expect.objectContaining({ code: "wrong_document" }),
    );
  });

  test("signatures are in hex in a metablock", async () => {
    const bytes = await signLayout(content, [alice], "metablock");
    const signature = await alice.sign(readEnvelope(bytes).message);
    expect(open(bytes).signatures).toEqual([{ keyid: alice.publicKey.keyId, sig: encodeHex(signature) }]);
  });
});
