import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { anchorsOf, type Certificate, CryptoError, KEY_KINDS, readCertificate } from "@stemma/crypto";
import { decodeUtf8 } from "@stemma/encoding";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import {
  type CertificateOptions,
  DURING,
  type MadeCertificate,
  makeCertificate,
  NOT_AFTER,
  NOT_BEFORE,
  pemOf,
} from "./support/certificates.ts";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING = "1.3.6.1.5.5.7.3.3";
const ANY_USAGE = "2.5.29.37.0";

type Options = Partial<CertificateOptions>;
const certificate = ({ pem }: MadeCertificate): Certificate => readCertificate(pem, "cert");
const named = (commonName: string, options: Options): MadeCertificate =>
  makeCertificate({ subject: { commonName }, ...options });

const root = named("root", { ca: true });
const otherRoot = named("other root", { ca: true });
const intermediate = named("intermediate", { ca: true, issuer: root });
const leaf = named("leaf", { issuer: intermediate });

/** The labels of the roots that anchor the leaf, out of the roots given by label. */
function anchors(
  leaf: MadeCertificate,
  intermediates: readonly MadeCertificate[],
  roots: Readonly<Record<string, MadeCertificate>> = { root },
  time = DURING,
): readonly string[] {
  const map = new Map(Object.entries(roots).map(([label, made]) => [label, certificate(made)]));
  return anchorsOf(certificate(leaf), intermediates.map(certificate), map, time);
}

/** Whether a chain of three holds in which one certificate was made with other options. */
function holds(options: { root?: Options; intermediate?: Options; leaf?: Options; time?: Date }): boolean {
  const top = named("root", { ca: true, ...options.root });
  const middle = named("intermediate", { ca: true, issuer: top, ...options.intermediate });
  const end = named("leaf", { issuer: middle, ...options.leaf });
  return anchors(end, [middle], { root: top }, options.time).length === 1;
}

describe("a chain", () => {
  test("leads over intermediates, in any order and among others, or directly to a root", () => {
    const deeper = named("deeper", { ca: true, issuer: intermediate });
    const end = named("end", { issuer: deeper });
    const stray = named("stray", { ca: true, issuer: otherRoot });
    expect(anchors(leaf, [intermediate])).toEqual(["root"]);
    expect(anchors(end, [stray, deeper, intermediate, deeper])).toEqual(["root"]);
    expect(anchors(named("direct", { issuer: root }), [])).toEqual(["root"]);
  });

  test("leads nowhere without the intermediate, without the root, and to another root", () => {
    expect(anchors(leaf, [])).toEqual([]);
    expect(anchors(leaf, [intermediate], {})).toEqual([]);
    expect(anchors(leaf, [intermediate], { otherRoot })).toEqual([]);
  });

  test("tells which of the roots anchor the leaf, in the order of the roots", () => {
    expect(anchors(leaf, [intermediate], { otherRoot, root })).toEqual(["root"]);
    const cross = named("intermediate", { ca: true, issuer: otherRoot, key: intermediate.privateKey });
    expect(anchors(leaf, [intermediate, cross], { b: otherRoot, a: root })).toEqual(["b", "a"]);
    expect(anchors(leaf, [cross], { b: otherRoot, a: root })).toEqual(["b"]);
  });

  test("ends in what is given as a root, whoever issued that one", () => {
    expect(anchors(leaf, [], { anchor: intermediate })).toEqual(["anchor"]);
  });

  test("of itself is none: a leaf that nobody vouches for", () => {
    const alone = named("alone", {});
    expect(anchors(alone, [alone], { alone })).toEqual([]);
  });

  test.each(KEY_KINDS)("of %s keys holds", (key) => {
    expect(holds({ root: { key }, intermediate: { key }, leaf: { key } })).toBe(true);
  });

  test.each(["sha384", "sha512"] as const)("signed over %s holds", (hash) => {
    expect(holds({ root: { hash }, intermediate: { hash }, leaf: { hash } })).toBe(true);
  });
});

describe("a signature", () => {
  test.each(KEY_KINDS)("by another key of the same name and kind (%s) is none", (key) => {
    const top = named("root", { ca: true, key });
    const impostor = named("root", { ca: true, key });
    expect(anchors(named("leaf", { issuer: impostor }), [], { top, impostor })).toEqual(["impostor"]);
  });

  test("by the right key under another name is none", () => {
    const issuer = { name: otherRoot.name, privateKey: root.privateKey };
    expect(anchors(named("leaf", { issuer }), [], { root, otherRoot })).toEqual([]);
  });

  test("does not count once any bit of the certificate has changed", () => {
    const roots = new Map([["root", certificate(root)]]);
    const ways = [certificate(intermediate)];
    const original = readCertificate(leaf.pem, "leaf");
    expect(anchorsOf(original, ways, roots, DURING)).toEqual(["root"]);
    let read = 0;
    for (let at = 0; at < leaf.der.length * 8; at += 1) {
      const changed = Buffer.from(leaf.der);
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
      try {
        const other = readCertificate(pemOf(changed), "leaf");
        read += 1;
        expect([at, anchorsOf(other, ways, roots, DURING)]).toEqual([at, []]);
      } catch (error) {
        if (!(error instanceof CryptoError)) throw error;
      }
    }
    // Many of the changed certificates can still be read: there it is the signature that refuses them.
    expect(read).toBeGreaterThan(500);
  });
});

describe("time", () => {
  const before = new Date(NOT_BEFORE.getTime() - 1);
  const after = new Date(NOT_AFTER.getTime() + 1);
  const always = { notBefore: new Date("2000-01-01T00:00:00Z"), notAfter: new Date("2100-01-01T00:00:00Z") };

  test.each(["root", "intermediate", "leaf"])("the %s must hold, its bounds included", (one) => {
    const others = { root: always, intermediate: always, leaf: always };
    const options = { ...others, [one]: {} };
    expect(holds({ ...others, time: before })).toBe(true);
    expect(holds({ ...options, time: NOT_BEFORE })).toBe(true);
    expect(holds({ ...options, time: NOT_AFTER })).toBe(true);
    expect(holds({ ...options, time: before })).toBe(false);
    expect(holds({ ...options, time: after })).toBe(false);
  });

  test("that is none is within no bounds", () => {
    expect(holds({ time: new Date(Number.NaN) })).toBe(false);
  });

  test("an expired intermediate does not stand in the way of one that holds", () => {
    const expired = named("intermediate", {
      ca: true,
      issuer: root,
      key: intermediate.privateKey,
      notAfter: NOT_BEFORE,
    });
    expect(anchors(leaf, [expired, intermediate])).toEqual(["root"]);
    expect(anchors(leaf, [expired])).toEqual([]);
  });
});

describe("what an issuer may do", () => {
  test("the chain that the following change holds", () => {
    expect(holds({})).toBe(true);
  });

  test("only a CA issues, be it an intermediate or a root", () => {
    const usage = { keyUsage: ["keyCertSign"] } as const;
    expect(holds({ intermediate: { ca: false, ...usage } })).toBe(false);
    expect(holds({ root: { ca: false, ...usage } })).toBe(false);
    expect(holds({ root: { version: 1 } })).toBe(false);
    expect(holds({ leaf: { version: 1 } })).toBe(true);
  });

  test("a leaf does not issue for its holder", () => {
    const forged = named("admin", { issuer: leaf });
    expect(anchors(forged, [leaf, intermediate])).toEqual([]);
  });

  test("its key must be for certificates, where a key usage says what it is for", () => {
    for (const one of ["intermediate", "root"]) {
      expect(holds({ [one]: { keyUsage: ["digitalSignature", "cRLSign"] } })).toBe(false);
      expect(holds({ [one]: { keyUsage: ["keyCertSign"] } })).toBe(true);
      expect(holds({ [one]: { keyUsage: "none" } })).toBe(true);
    }
  });

  test("a path length counts the certificates between issuer and leaf", () => {
    expect(holds({ root: { pathLength: 0 } })).toBe(false);
    expect(holds({ root: { pathLength: 1 }, intermediate: { pathLength: 0 } })).toBe(true);
    const sub = named("sub", { ca: true, issuer: intermediate });
    const narrow = named("intermediate", {
      ca: true,
      issuer: root,
      key: intermediate.privateKey,
      pathLength: 0,
    });
    expect(anchors(named("end", { issuer: sub }), [sub, intermediate])).toEqual(["root"]);
    expect(anchors(named("end", { issuer: sub }), [sub, narrow])).toEqual([]);
    // A CA as the leaf is not one of the certificates between.
    const signing = named("sub", { ca: true, issuer: intermediate, keyUsage: ["digitalSignature"] });
    expect(anchors(signing, [narrow])).toEqual(["root"]);
  });
});

describe("what a leaf may do", () => {
  test("its key must be for signatures, where a key usage says what it is for", () => {
    expect(holds({ leaf: { keyUsage: ["keyEncipherment"] } })).toBe(false);
    expect(holds({ leaf: { keyUsage: "none" } })).toBe(true);
  });

  test("it may be a CA whose key is for signatures too", () => {
    expect(holds({ leaf: { ca: true } })).toBe(false);
    expect(holds({ leaf: { ca: true, keyUsage: ["keyCertSign", "digitalSignature"] } })).toBe(true);
  });
});

describe("extended key usages", () => {
  test.each([
    [[SERVER_AUTH], true],
    [[CODE_SIGNING], true],
    [[ANY_USAGE], true],
    [[CLIENT_AUTH, SERVER_AUTH], true],
    [[CLIENT_AUTH], false],
    [["1.2.3.4"], false],
    [[], false],
  ])("of a leaf: %j", (extendedKeyUsage, expected) => {
    expect(holds({ leaf: { extendedKeyUsage } })).toBe(expected);
  });

  test("one must be common to the whole chain", () => {
    const server = { extendedKeyUsage: [SERVER_AUTH] };
    const code = { extendedKeyUsage: [CODE_SIGNING] };
    expect(holds({ intermediate: { extendedKeyUsage: [CLIENT_AUTH] } })).toBe(false);
    expect(holds({ root: { extendedKeyUsage: [CLIENT_AUTH] } })).toBe(false);
    expect(holds({ intermediate: code, leaf: server })).toBe(false);
    expect(holds({ root: server, intermediate: code })).toBe(false);
    expect(holds({ root: code, intermediate: code, leaf: code })).toBe(true);
    expect(holds({ intermediate: { extendedKeyUsage: [ANY_USAGE] }, leaf: server })).toBe(true);
  });

  test("a way that leaves none does not stand in the way of one that does", () => {
    const key = generateKeyPairSync("ed25519").privateKey;
    const servers = named("servers", { ca: true, extendedKeyUsage: [SERVER_AUTH] });
    const upper = named("upper", { ca: true, issuer: servers });
    const forCode = named("lower", { ca: true, issuer: upper, key, extendedKeyUsage: [CODE_SIGNING] });
    const forServers = named("lower", { ca: true, issuer: upper, key, extendedKeyUsage: [SERVER_AUTH] });
    const end = named("end", { issuer: forCode });
    expect(anchors(end, [upper, forCode], { servers })).toEqual([]);
    expect(anchors(end, [upper, forCode, forServers], { servers })).toEqual(["servers"]);
  });
});

describe("bounds", () => {
  function chainOf(length: number): { readonly chain: MadeCertificate[]; readonly end: MadeCertificate } {
    const chain: MadeCertificate[] = [];
    for (let index = 0; index < length; index += 1) {
      chain.push(named(`ca ${index}`, { ca: true, issuer: chain.at(-1) ?? root, key: "ed25519" }));
    }
    return { chain, end: named("end", { issuer: chain.at(-1) ?? root }) };
  }

  test("sixteen intermediates are read, seventeen are too many", () => {
    const longest = chainOf(16);
    expect(anchors(longest.end, longest.chain)).toEqual(["root"]);
    const longer = chainOf(17);
    expect(anchors(longer.end, longer.chain)).toEqual([]);
  });

  test("authorities that certify each other end quickly, and the way out is found", () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const keys = new Map<string, KeyObject>(
      names.map((name) => [name, generateKeyPairSync("ed25519").privateKey]),
    );
    const authority = (name: string, issuer: string) => {
      const [key, by] = [keys.get(name), keys.get(issuer)];
      if (key === undefined || by === undefined) throw new Error("There is a key for every name.");
      const top = named(issuer, { key: by });
      return named(name, { ca: true, key, issuer: top });
    };
    const loops = names.flatMap((name) => names.map((issuer) => authority(name, issuer)));
    const end = named("end", { issuer: loops[0] as MadeCertificate });
    const out = named("f", { ca: true, key: keys.get("f") as KeyObject, issuer: root });
    const start = performance.now();
    expect(anchors(end, loops)).toEqual([]);
    expect(anchors(end, [...loops, out])).toEqual(["root"]);
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("any number of authorities of one name costs a fixed number of signatures", () => {
    const key = generateKeyPairSync("ed25519").privateKey;
    const many = Array.from({ length: 400 }, (_, index) =>
      certificate(
        named("root", {
          ca: true,
          key,
          issuer: root,
          notAfter: new Date(NOT_AFTER.getTime() + index * 1000),
        }),
      ),
    );
    let signatures = 0;
    const counted = (one: Certificate): Certificate => ({
      ...one,
      isSignedBy: (issuer) => {
        signatures += 1;
        return one.isSignedBy(issuer);
      },
    });
    const end = counted(certificate(named("end", { issuer: root })));
    const roots = new Map([["root", certificate(otherRoot)]]);
    expect(anchorsOf(end, many.map(counted), roots, DURING)).toEqual([]);
    expect(signatures).toBe(256);
  });
});

describeWithVectors("in-toto-golang", "in-toto-golang's certificates", () => {
  const file = (name: string) =>
    readCertificate(decodeUtf8(vector(`in-toto-golang/${name}.cert.pem`)), "cert");

  test("are a chain while they hold", () => {
    const [top, middle, end] = [
      file("root"),
      file("example.com.intermediate"),
      file("example.com.write-code"),
    ];
    const roots = new Map([["root", top]]);
    expect(anchorsOf(end, [middle], roots, DURING)).toEqual(["root"]);
    expect(anchorsOf(end, [], roots, DURING)).toEqual([]);
    expect(anchorsOf(end, [middle], roots, end.notBefore)).toEqual(["root"]);
    // The root was made a second before the others, and expires a second before them.
    expect(anchorsOf(end, [middle], roots, top.notBefore)).toEqual([]);
    expect(anchorsOf(end, [middle], roots, top.notAfter)).toEqual(["root"]);
    expect(anchorsOf(end, [middle], roots, end.notAfter)).toEqual([]);
  });
});
