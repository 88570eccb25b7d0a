import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import {
  asKeyId,
  countSigners,
  encryptPrivateKey,
  generatePrivateKey,
  isKeyIdOf,
  KEY_KINDS,
  type KeyId,
  type PublicKey,
  publicKeyFromPem,
  readPublicKey,
  signerFromPem,
} from "@stemma/crypto";
import { asObject, encodeHex, jsonObject, parseJson, utf8, writeJson } from "@stemma/encoding";
import fc from "fast-check";

const message = utf8("what is signed");

function keyJson(keytype: string, scheme: string, publicText: string) {
  return jsonObject({ keytype, scheme, keyval: jsonObject({ public: publicText }) });
}

function pemOf(options: Parameters<typeof generateKeyPairSync>[1], type: "rsa" | "ec"): string {
  // The overloads of generateKeyPairSync differ by literal type; both produce a key pair of objects.
  const pair = generateKeyPairSync(type as "rsa", options as { modulusLength: number });
  return pair.publicKey.export({ format: "pem", type: "spki" }) as string;
}

describe.each(KEY_KINDS)("%s", (kind) => {
  const signer = signerFromPem(generatePrivateKey(kind));

  test("signs what its public key verifies, and nothing else", async () => {
    const signature = await signer.sign(message);
    expect(signer.publicKey.verify(message, signature)).toBe(true);
    expect(signer.publicKey.verify(utf8("what is signeD"), signature)).toBe(false);
    for (const at of [0, signature.length >> 1, signature.length - 1]) {
      const changed = Uint8Array.from(signature);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(signer.publicKey.verify(message, changed)).toBe(false);
    }
    for (const bad of [new Uint8Array(), signature.subarray(1), Uint8Array.from([...signature, 0])]) {
      expect(signer.publicKey.verify(message, bad)).toBe(false);
    }
  });

  test("its key object reads back to the same key, id and fingerprint", () => {
    const again = readPublicKey(parseJson(writeJson(signer.publicKey.toJson())), "key");
    expect(again.fingerprint).toBe(signer.publicKey.fingerprint);
    expect(again.keyId).toBe(signer.publicKey.keyId);
  });

  test("survives encryption, and needs the passphrase", () => {
    const pem = encryptPrivateKey(generatePrivateKey(kind), "correct horse");
    expect(pem).toContain("ENCRYPTED");
    expect(() => signerFromPem(pem)).toThrow(expect.objectContaining({ code: "bad_passphrase" }));
    expect(() => signerFromPem(pem, "wrong")).toThrow(expect.objectContaining({ code: "bad_passphrase" }));
    expect(signerFromPem(pem, "correct horse").publicKey.keyType).toBe(signer.publicKey.keyType);
  });
});

describe("refused keys", () => {
  const hex = (n: number, last = "00") => "01".padEnd(n * 2 - 2, "0") + last;

  test.each([
    ["a point of small order (N-09)", keyJson("ed25519", "ed25519", hex(32)), "weak_key"],
    ["the zero point (N-09)", keyJson("ed25519", "ed25519", "00".repeat(32)), "weak_key"],
    [
      "an order 8 point (N-09)",
      keyJson("ed25519", "ed25519", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
      "weak_key",
    ],
    [
      "an encoding beyond the field (N-09)",
      keyJson("ed25519", "ed25519", `f0${"ff".repeat(30)}7f`),
      "weak_key",
    ],
    ["31 bytes (N-05)", keyJson("ed25519", "ed25519", "ab".repeat(31)), "bad_key"],
    ["upper case hex", keyJson("ed25519", "ed25519", "AB".repeat(32)), "bad_key"],
    ["an unknown type (N-05)", keyJson("gpg", "pgp", "x"), "unsupported_key"],
    ["an unknown scheme (N-05)", keyJson("ed25519", "rsassa-pss-sha256", "ab".repeat(32)), "unsupported_key"],
    ["a type named constructor (N-07)", keyJson("constructor", "__proto__", "x"), "unsupported_key"],
    ["text that is no PEM", keyJson("rsa", "rsassa-pss-sha256", "hello"), "bad_key"],
    [
      "RSA of 1024 bits (N-09)",
      keyJson("rsa", "rsassa-pss-sha256", pemOf({ modulusLength: 1024 }, "rsa")),
      "weak_key",
    ],
    [
      "an EC key under an RSA scheme (N-05)",
      keyJson("rsa", "rsassa-pss-sha256", pemOf({ namedCurve: "P-256" } as never, "ec")),
      "bad_key",
    ],
    [
      "P-384 under the P-256 scheme (N-09)",
      keyJson("ecdsa", "ecdsa-sha2-nistp256", pemOf({ namedCurve: "P-384" } as never, "ec")),
      "bad_key",
    ],
    [
      "secp256k1 (N-09)",
      keyJson("ecdsa", "ecdsa-sha2-nistp256", pemOf({ namedCurve: "secp256k1" } as never, "ec")),
      "bad_key",
    ],
    [
      "a private key in place of a public one",
      keyJson("rsa", "rsassa-pss-sha256", generatePrivateKey("rsa")),
      "bad_key",
    ],
  ])("%s", (_name, json, code) => {
    expect(() => readPublicKey(json, "key")).toThrow(expect.objectContaining({ code }));
  });

  test("RSA with a public exponent of 1 (N-09)", () => {
    const strong = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey;
    const der = strong.export({ format: "der", type: "spki" });
    // The exponent is the last INTEGER of the structure: 02 03 01 00 01. Make it 1, in three bytes.
    const at = der.lastIndexOf(Buffer.from("0203010001", "hex"));
    Buffer.from("0203000001", "hex").copy(der, at);
    const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString("base64")}\n-----END PUBLIC KEY-----`;
    expect(() => publicKeyFromPem(pem)).toThrow(/exponent|cannot be read|not a public key/);
  });

  test("an error never quotes the private key", () => {
    const pem = generatePrivateKey("ed25519");
    try {
      signerFromPem(pem.replace("PRIVATE", "PRIVAT"));
    } catch (error) {
      expect(JSON.stringify(error) + String(error)).not.toContain(pem.split("\n")[1]);
    }
    expect.assertions(1);
  });
});

describe("ed25519 signatures", () => {
  test("S + L is refused (N-09)", async () => {
    const signer = signerFromPem(generatePrivateKey("ed25519"));
    const signature = await signer.sign(message);
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${encodeHex(Uint8Array.from(signature.subarray(32)).reverse())}`) + order;
    const forged = Uint8Array.from(signature);
    forged.set(Uint8Array.from(Buffer.from(s.toString(16).padStart(64, "0"), "hex")).reverse(), 32);
    expect(signer.publicKey.verify(message, forged)).toBe(false);
  });
});

describe("key ids", () => {
  test("do not depend on white space around the PEM; both flavours differ (in-toto.md 1.3)", () => {
    const pem = signerFromPem(generatePrivateKey("rsa")).publicKey;
    const text = (pem.toJson().get("keyval") as ReadonlyMap<string, string>).get("public") as string;
    const padded = readPublicKey(keyJson("rsa", "rsassa-pss-sha256", `\n${text}\n\n`), "key");
    expect(padded.keyId).toBe(pem.keyId);
    expect(padded.legacyKeyId).toBe(pem.legacyKeyId);
    expect(pem.keyId).not.toBe(pem.legacyKeyId);
  });

  test("that Python computes are over the PEM with its last line break (securesystemslib 1.6)", () => {
    const pem =
      "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----";
    const id = "cf4736fae1a3a019d3506e4345cfb6549c7aa731eb5c19f61b60f0175882edcf";
    expect(publicKeyFromPem(pem).pemKeyId).toBe(id);
    expect(publicKeyFromPem(`${pem}\n`).pemKeyId).toBe(id);
    expect(publicKeyFromPem(pem).keyId).not.toBe(id);
    const { keyId, pemKeyId } = signerFromPem(generatePrivateKey("ed25519")).publicKey;
    expect(pemKeyId).toBe(keyId);
  });

  test("of every flavour are a key's, and no others", () => {
    const [one, other] = [0, 1].map(() => signerFromPem(generatePrivateKey("ecdsa-p256")).publicKey);
    if (one === undefined || other === undefined) throw new Error("no keys");
    for (const id of [one.keyId, one.legacyKeyId, one.pemKeyId]) {
      expect(isKeyIdOf(id, one)).toBe(true);
      expect(isKeyIdOf(id, other)).toBe(false);
    }
  });

  test.each(["", " ", "a b", "é", "x".repeat(257), "a\n"])("%j is none", (text) => {
    expect(() => asKeyId(text, "keyid")).toThrow(expect.objectContaining({ code: "bad_key_id" }));
  });
});

describe("countSigners counts public keys, never key ids", () => {
  const signers = [0, 1, 2].map(() => signerFromPem(generatePrivateKey()));
  const keys = new Map<KeyId, PublicKey>();
  for (const [index, signer] of signers.entries()) {
    keys.set(signer.publicKey.keyId, signer.publicKey);
    keys.set(asKeyId(`alias-${index}`, "alias"), signer.publicKey);
  }

  test("any list of good and bad signatures yields the distinct keys that really signed (N-01, N-02, N-04)", async () => {
    const good = await Promise.all(signers.map((signer) => signer.sign(message)));
    const entry = fc.record({
      who: fc.nat({ max: 2 }),
      alias: fc.boolean(),
      kind: fc.constantFrom("good", "bad", "empty", "other", "unknown"),
    });
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
        const signatures = entries.map(({ who, alias, kind }) => {
          const signer = signers[who] as (typeof signers)[0];
          const keyId = kind === "unknown" ? "nobody" : alias ? `alias-${who}` : signer.publicKey.keyId;
          const bytes =
            kind === "good"
              ? good[who]
              : kind === "other"
                ? good[(who + 1) % 3]
                : new Uint8Array(kind === "bad" ? 64 : 0);
          return { keyId: asKeyId(keyId, "keyid"), signature: bytes as Uint8Array };
        });
        const expected = new Set(
          entries.filter((e) => e.kind === "good").map((e) => signers[e.who]?.publicKey.fingerprint),
        );
        expect(new Set(countSigners(message, signatures, keys).keys())).toEqual(expected);
      }),
    );
  });
});

describe("one public key in several spellings", () => {
  test("of its point is one signer (N-02)", async () => {
    const signer = signerFromPem(generatePrivateKey("ecdsa-p256"));
    const plain = signer.publicKey;
    const spki = Buffer.from(plain.spki);
    // The point is the last 65 bytes: 04, x, y. Compressed it is 02 or 03 and x, hybrid 06 or 07, x and y.
    const [x, y] = [spki.subarray(-64, -32), spki.subarray(-32)];
    const odd = (y.at(-1) ?? 0) & 1;
    const respelled = (point: Buffer): string => {
      const head = Buffer.from(spki.subarray(0, -65));
      head[1] = (head[1] ?? 0) + point.length - 65;
      const length = head.length - 2;
      head[length] = (head[length] ?? 0) + point.length - 65;
      const body = Buffer.concat([head, point]).toString("base64");
      return `-----BEGIN PUBLIC KEY-----\n${body}\n-----END PUBLIC KEY-----`;
    };
    const message = utf8("message");
    const signature = await signer.sign(message);
    for (const point of [Buffer.concat([Buffer.of(2 + odd), x]), Buffer.concat([Buffer.of(6 + odd), x, y])]) {
      const other = publicKeyFromPem(respelled(point));
      expect(other.verify(message, signature)).toBe(true);
      expect(other.fingerprint).toBe(plain.fingerprint);
    }
  });
});

test("a key object is refused whatever was read before it", () => {
  const { publicKey } = signerFromPem(generatePrivateKey("ecdsa-p256"));
  const json = publicKey.toJson();
  const text = String(asObject(json.get("keyval"), "keyval").get("public"));
  readPublicKey(json, "The key");
  const [first, ...rest] = text.split("\n");
  const shifted = jsonObject({
    keytype: "ecdsa",
    scheme: `${String(json.get("scheme"))}\n${first}`,
    keyval: jsonObject({ public: rest.join("\n") }),
  });
  expect(() => readPublicKey(shifted, "The key")).toThrow(
    expect.objectContaining({ code: "unsupported_key" }),
  );
});
