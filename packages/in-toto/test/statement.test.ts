import { describe, expect, test } from "@jest/globals";
import { asObject, parseJson } from "@stemma/encoding";
import fc from "fast-check";
import { agreeOnDigest, strongDigests } from "../src/digests.ts";
import { readStatement, type Statement } from "../src/statement.ts";
import { hashOf } from "./support/chain.ts";
import { payload, payloadOf } from "./support/statement.ts";
import { describeWithVectors, vector } from "./support/vectors.ts";

const SHA256 = hashOf("app");
const SHA512 = SHA256 + hashOf("more");
const SHA1 = "a".repeat(40);

const read = (members?: Record<string, unknown>): Statement => readStatement(payload(members));
const subject = (members: unknown) => () => read({ subject: [members] });
const refusal = (code: string) => expect.objectContaining({ code });
const digests = (members: Record<string, string>) => new Map(Object.entries(members));

describe("statements", () => {
  test("are read in both versions", () => {
    expect(read()).toEqual({
      version: "v1",
      subjects: [{ name: "app", uri: undefined, digest: digests({ sha256: SHA256 }) }],
      predicateType: "https://example.com/anything/v1",
      predicate: new Map(),
    });
    expect(read({ _type: "https://in-toto.io/Statement/v0.1" }).version).toBe("v0.1");
  });

  test.each([[undefined], [null], [{}]])("the predicate %j is an empty one", (predicate) => {
    expect(read({ predicate }).predicate).toEqual(new Map());
  });

  test("members that nobody knows are ignored, whatever they are called", () => {
    const members = JSON.parse(
      '{"__proto__": 1, "constructor": [], "subjects": "x", "extension.example": {}}',
    );
    expect(read(members).subjects).toHaveLength(1);
    expect(subject({ digest: { sha256: SHA256 }, extension: 1, annotations: 3 })).not.toThrow();
  });

  test.each([
    [{ _type: "https://in-toto.io/Statement/v2" }, "bad_statement"],
    [{ _type: "https://in-toto.io/Statement/v0.2" }, "bad_statement"],
    [{ _type: "https://in-toto.io/statement/v1" }, "bad_statement"],
    [{ _type: "https://in-toto.io/Statement/v1/" }, "bad_statement"],
    [{ _type: "__proto__" }, "bad_statement"],
    [{ _type: "link" }, "bad_statement"],
    [{ _type: null }, "wrong_type"],
    [{ _type: undefined }, "missing_member"],
    [{ subject: undefined }, "missing_member"],
    [{ subject: null }, "wrong_type"],
    [{ subject: {} }, "wrong_type"],
    [{ subject: [] }, "bad_statement"],
    [{ subject: [null] }, "wrong_type"],
    [{ subject: ["app"] }, "wrong_type"],
    [{ predicateType: undefined }, "missing_member"],
    [{ predicateType: null }, "wrong_type"],
    [{ predicateType: "" }, "bad_statement"],
    [{ predicateType: "provenance" }, "bad_statement"],
    [{ predicateType: "//slsa.dev/provenance/v1" }, "bad_statement"],
    [{ predicateType: "https:" }, "bad_statement"],
    [{ predicateType: "HTTPS://slsa.dev/provenance/v1" }, "bad_statement"],
    [{ predicateType: "https://slsa.dev/provenance v1" }, "bad_statement"],
    [{ predicateType: "https://slsa.dev/provenance/v1\n" }, "bad_statement"],
    [{ predicateType: "https://slsa.dev/provénance" }, "bad_statement"],
    [{ predicateType: `https://${"x".repeat(505)}` }, "bad_statement"],
    [{ predicate: [] }, "wrong_type"],
    [{ predicate: "x" }, "wrong_type"],
    [{ predicate: false }, "wrong_type"],
    [{ predicate: 0 }, "wrong_type"],
  ])("%j is refused as %s", (members, code) => {
    expect(() => read(members)).toThrow(refusal(code));
  });

  test.each(["https://slsa.dev/provenance/v1", "urn:x", "tag:a@b,2026:c", `https://${"x".repeat(504)}`])(
    "%s is a predicate type",
    (predicateType) => {
      expect(read({ predicateType }).predicateType).toBe(predicateType);
    },
  );

  test("1024 subjects are read and 1025 are not (N-55)", () => {
    const many = (count: number) => Array.from({ length: count }, () => ({ digest: { sha256: SHA256 } }));
    expect(read({ subject: many(1024) }).subjects).toHaveLength(1024);
    expect(() => read({ subject: many(1025) })).toThrow(refusal("limit_exceeded"));
  });
});

describe("subjects", () => {
  test("an empty or null text is none", () => {
    const [one] = subject({ name: "", uri: null, digest: { sha256: SHA256 } })().subjects;
    expect(one).toEqual({ name: undefined, uri: undefined, digest: digests({ sha256: SHA256 }) });
  });

  test.each([
    [{ sha512: SHA512 }],
    [{ sha1: SHA1, sha256: SHA256 }],
    [{ gitCommit: SHA1 }],
    [{ gitTree: SHA256 }],
    [{ gce_image_id: "8970095005306000053" }],
    [{ arn: "arn:aws:ec2:eu-west-1::image/ami-1" }],
    [{ constructor: "x" }],
    [{ other: "x".repeat(512) }],
  ])("with the digests %j are told apart", (digest) => {
    expect(subject({ digest })().subjects[0]?.digest).toEqual(digests(digest as Record<string, string>));
  });

  test.each([
    [{ digest: undefined }, "weak_artifact_digest"],
    [{ digest: null }, "weak_artifact_digest"],
    [{ digest: {} }, "weak_artifact_digest"],
    [{ uri: "https://example.com/app" }, "weak_artifact_digest"],
    [{ digest: { sha1: SHA1 } }, "weak_artifact_digest"],
    [{ digest: { "SHA-1": SHA1 } }, "weak_artifact_digest"],
    [{ digest: { SHA1, Md5: "x", "ripemd-160": "x" } }, "weak_artifact_digest"],
    [{ digest: { md5: "a".repeat(32), sha1: SHA1 } }, "weak_artifact_digest"],
    [{ digest: { crc32c: "8a9136aa" } }, "weak_artifact_digest"],
    [{ digest: { "CRC-64/NVME": "x" } }, "bad_artifact_digest"],
    [{ digest: { crc64nvme: "x", adler32: "11e60398", xxh3: "x", "MD-2": "x" } }, "weak_artifact_digest"],
    [{ digest: { sha256: SHA256.toUpperCase() } }, "bad_artifact_digest"],
    [{ digest: { sha256: SHA256.slice(1) } }, "bad_artifact_digest"],
    [{ digest: { sha256: `sha256:${SHA256}` } }, "bad_artifact_digest"],
    [{ digest: { sha256: "" } }, "bad_artifact_digest"],
    [{ digest: { sha512: SHA256 } }, "bad_artifact_digest"],
    [{ digest: { sha256: SHA256, md5: "0" } }, "bad_artifact_digest"],
    [{ digest: { gitCommit: SHA1.slice(1) } }, "bad_artifact_digest"],
    [{ digest: { gitBlob: SHA1.toUpperCase() } }, "bad_artifact_digest"],
    [{ digest: { gitTag: "v1" } }, "bad_artifact_digest"],
    [{ digest: { other: "" } }, "bad_artifact_digest"],
    [{ digest: { other: "two words" } }, "bad_artifact_digest"],
    [{ digest: { other: "ü" } }, "bad_artifact_digest"],
    [{ digest: { other: "x".repeat(513) } }, "bad_artifact_digest"],
    [{ digest: { "": SHA256 } }, "bad_artifact_digest"],
    [{ digest: { other: 1 } }, "wrong_type"],
    [{ digest: { sha256: null } }, "wrong_type"],
    [{ digest: [SHA256] }, "wrong_type"],
    [{ digest: SHA256 }, "wrong_type"],
    [{ name: 1, digest: { sha256: SHA256 } }, "wrong_type"],
    [{ uri: {}, digest: { sha256: SHA256 } }, "wrong_type"],
    [{ name: "x".repeat(4097), digest: { sha256: SHA256 } }, "limit_exceeded"],
    [{ uri: "x".repeat(4097), digest: { sha256: SHA256 } }, "limit_exceeded"],
  ])("%j is refused as %s", (members, code) => {
    expect(subject(members)).toThrow(refusal(code));
  });

  test("a subject by a weak digest is carried beside a sound one, and one without any spoils the statement", () => {
    const sound = { digest: { sha256: SHA256 } };
    const weak = { digest: { sha1: SHA1 } };
    expect(read({ subject: [weak, sound] }).subjects).toHaveLength(2);
    for (const subjects of [[weak], [weak, weak], [sound, { digest: {} }], [sound, { uri: "https://x" }]]) {
      expect(() => read({ subject: subjects })).toThrow(refusal("weak_artifact_digest"));
    }
  });

  test("32 digests are read and 33 are not (N-55)", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`alg${index}`, SHA256]));
    expect(subject({ digest: many(32) })().subjects[0]?.digest.size).toBe(32);
    expect(subject({ digest: many(33) })).toThrow(refusal("limit_exceeded"));
  });
});

describe("two sets of digests", () => {
  const other256 = hashOf("other");
  test.each([
    ["one in common", { sha256: SHA256, sha512: SHA512 }, { sha256: SHA256 }, true],
    ["the same", { sha256: SHA256 }, { sha256: SHA256 }, true],
    ["a weak one differs", { sha256: SHA256, md5: "1" }, { sha256: SHA256, md5: "2" }, true],
    ["an identifier of another kind", { gce_image_id: "1" }, { gce_image_id: "1" }, true],
    ["git's sha256", { gitCommit: SHA256 }, { gitCommit: SHA256 }, true],
    ["nothing in common", { sha256: SHA256 }, { sha512: SHA512 }, false],
    ["nothing", {}, {}, false],
    ["different", { sha256: SHA256 }, { sha256: other256 }, false],
    ["a value under another algorithm", { sha256: SHA256 }, { other: SHA256 }, false],
    ["sha1 equal, sha256 different", { sha1: SHA1, sha256: SHA256 }, { sha1: SHA1, sha256: other256 }, false],
    ["one equal, one different", { sha256: SHA256, x: "1" }, { sha256: SHA256, x: "2" }, false],
    ["sha1 alone", { sha1: SHA1 }, { sha1: SHA1 }, false],
    ["a checksum", { crc32: "352441c2" }, { crc32: "352441c2" }, false],
    ["sha1 by another name", { "SHA-1": SHA1 }, { "SHA-1": SHA1 }, false],
    ["sha1 in common", { sha1: SHA1, sha256: SHA256 }, { sha1: SHA1, sha512: SHA512 }, false],
    ["git's sha1", { gitCommit: SHA1 }, { gitCommit: SHA1 }, false],
    ["git's sha1 and sha256", { gitCommit: SHA1 }, { gitCommit: SHA256 }, false],
    [
      "git's sha1 different beside sha256",
      { gitBlob: SHA1, sha256: SHA256 },
      { gitBlob: "b".repeat(40), sha256: SHA256 },
      true,
    ],
  ])("%s: %j and %j agree: %s", (_, a, b, expected) => {
    const [left, right] = [digests(a as Record<string, string>), digests(b as Record<string, string>)];
    expect(agreeOnDigest(left, right)).toBe(expected);
    expect(agreeOnDigest(right, left)).toBe(expected);
  });

  test("that agree have a strong digest in common, and none that contradicts it", () => {
    const set = fc.uniqueArray(
      fc.tuple(fc.constantFrom("sha1", "md5", "sha256", "sha512", "x"), fc.constantFrom("1", "2")),
      { selector: ([algorithm]) => algorithm },
    );
    fc.assert(
      fc.property(set, set, (a, b) => {
        const strong = (list: typeof a) => list.filter(([name]) => name !== "sha1" && name !== "md5");
        const shared = strong(a).filter(([name]) => strong(b).some(([other]) => other === name));
        const equal = shared.filter(([name, value]) => new Map(b).get(name) === value);
        expect(agreeOnDigest(new Map(a), new Map(b))).toBe(
          equal.length > 0 && equal.length === shared.length,
        );
        expect(strongDigests(new Map(a))).toEqual(strong(a).map(([name, value]) => `${name}:${value}`));
      }),
    );
  });
});

describeWithVectors("slsa-vsa", "real statements", () => {
  test("Google's verification summary", () => {
    const statement = readStatement(payloadOf(parseJson(vector("slsa-vsa/gke-gce-pre.bcid-vsa.jsonl"))));
    expect(statement.version).toBe("v1");
    expect(statement.predicateType).toBe("https://slsa.dev/verification_summary/v1");
    expect(statement.subjects).toEqual([
      { name: "_", uri: undefined, digest: digests({ gce_image_id: "8970095005306000053" }) },
    ]);
  });

  test("GitHub's provenance", () => {
    const bundle = asObject(parseJson(vector("sigstore/intoto-dsse-v3.sigstore.json")), "bundle");
    const statement = readStatement(payloadOf(bundle.get("dsseEnvelope")));
    expect(statement.predicateType).toBe("https://slsa.dev/provenance/v1");
    expect(statement.subjects[0]?.name).toBe("a.txt");
  });
});
