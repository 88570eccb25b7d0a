import { ECDH, generateKeyPairSync, X509Certificate } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { KEY_KINDS, readCertificate } from "@stemma/crypto";
import { decodeUtf8 } from "@stemma/encoding";
import fc from "fast-check";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import {
  type CertificateOptions,
  makeCertificate,
  NOT_AFTER,
  NOT_BEFORE,
  pemOf,
} from "./support/certificates.ts";
import {
  BMP_STRING,
  bitString,
  bits,
  boolean,
  nothing,
  oid,
  PRINTABLE_STRING,
  sequence,
  set,
  smallInteger,
  string,
  T61_STRING,
  tagged,
  tlv,
  UTF8_STRING,
  wrapped,
} from "./support/der.ts";

/** One key for all certificates that are only read: making keys is what takes time. */
const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const make = (options: Partial<CertificateOptions> = {}) =>
  makeCertificate({ subject: { commonName: "leaf" }, key, ...options });
const read = (options: Partial<CertificateOptions> = {}) => readCertificate(make(options).pem, "cert");
/** Another SubjectPublicKeyInfo in place of the key's. */
const withKey = (spki: Uint8Array): Partial<CertificateOptions> => ({ edit: (parts) => parts.with(6, spki) });
const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe("what a certificate says", () => {
  test("the names of its subject and its alternative names, all of them and in their order", () => {
    const certificate = read({
      subject: { commonName: ["b", "a"], organization: ["Bäckerei", "Example, Inc."], unit: "unit" },
      sans: [
        "dns:b.example",
        "uri:spiffe://b",
        "email:b@example",
        "dns:a.example",
        "email:a@example",
        "uri:a:b",
      ],
    });
    expect(certificate).toMatchObject({
      commonNames: ["b", "a"],
      organizations: ["Bäckerei", "Example, Inc."],
      dnsNames: ["b.example", "a.example"],
      emails: ["b@example", "a@example"],
      uris: ["spiffe://b", "a:b"],
    });
  });

  test("nothing, where it says nothing", () => {
    expect(read({ subject: {} })).toMatchObject({
      commonNames: [],
      organizations: [],
      dnsNames: [],
      emails: [],
      uris: [],
      subject: "",
    });
  });

  test("several attributes in one part of a name, and a mail address in the subject that is none of its emails", () => {
    const pair = (type: string, text: string) => sequence(oid(type), string(text, PRINTABLE_STRING));
    const subject = sequence(
      set(pair("2.5.4.3", "one"), pair("2.5.4.10", "org"), pair("2.5.4.3", "two")),
      set(pair("1.2.840.113549.1.9.1", "someone@example")),
    );
    expect(read({ subject })).toMatchObject({
      commonNames: ["one", "two"],
      organizations: ["org"],
      emails: [],
    });
  });

  test("its bounds, its key, and which certificate it is", () => {
    const made = make();
    const certificate = readCertificate(made.pem, "cert");
    expect(certificate.notBefore).toEqual(NOT_BEFORE);
    expect(certificate.notAfter).toEqual(NOT_AFTER);
    expect(certificate.publicKey.fingerprint).toBe(made.signer().publicKey.fingerprint);
    expect(certificate.fingerprint).toBe(
      new X509Certificate(made.pem).fingerprint256.replaceAll(":", "").toLowerCase(),
    );
  });

  test("bounds on both sides of 2050, where their type changes (RFC 5280 4.1.2.5)", () => {
    const notBefore = new Date("1999-12-31T23:59:59Z");
    const notAfter = new Date("9999-12-31T23:59:59Z");
    expect(read({ notBefore, notAfter })).toMatchObject({ notBefore, notAfter });
  });

  test("what its key may do", () => {
    expect(read()).toMatchObject({ isCa: false, signsCertificates: false, signsMessages: true });
    expect(read({ keyUsage: "none" })).toMatchObject({ signsCertificates: true, signsMessages: true });
    expect(read({ keyUsage: ["keyEncipherment"] })).toMatchObject({ signsMessages: false });
    expect(read({ ca: true, pathLength: 3 })).toMatchObject({
      isCa: true,
      pathLength: 3,
      signsCertificates: true,
      signsMessages: false,
    });
    expect(read({ ca: true }).pathLength).toBeUndefined();
  });

  test("of version 1 there is no CA", () => {
    expect(read({ version: 1, ca: true })).toMatchObject({ commonNames: ["leaf"], isCa: false });
  });

  test("text around the alternative names of other kinds is not text to be parsed (CVE-2021-44532)", () => {
    const traps = [
      "uri:spiffe://example.com/a, DNS:victim.example.com",
      'uri:spiffe://example.com/"b", URI:spiffe://victim',
      "dns:x.example, IP Address:127.0.0.1",
      'email:"a,b"@example',
    ];
    const address = tlv(0x87, Uint8Array.of(127, 0, 0, 1));
    const directory = wrapped(4, sequence(set(sequence(oid("2.5.4.3"), string("URI:spiffe://victim")))));
    expect(read({ sans: [...traps, address, directory] })).toMatchObject({
      dnsNames: ["x.example, IP Address:127.0.0.1"],
      emails: ['"a,b"@example'],
      uris: [
        "spiffe://example.com/a, DNS:victim.example.com",
        'spiffe://example.com/"b", URI:spiffe://victim',
      ],
    });
  });
});

describe("the subject as one text", () => {
  test("does not depend on the order of names", () => {
    const one = read({ subject: { organization: ["a", "b"] }, sans: ["dns:x", "uri:y:", "dns:w"] });
    const other = read({ subject: { organization: ["b", "a"] }, sans: ["dns:w", "dns:x", "uri:y:"] });
    expect(one.subject).toBe("O=a, O=b, DNS=w, DNS=x, URI=y:");
    expect(other.subject).toBe(one.subject);
  });

  test("is another text for other names, whatever they hold", () => {
    const word = fc.string({
      unit: fc.constantFrom("a", ",", " ", "\\", "=", "O", "C", "N"),
      minLength: 1,
      maxLength: 8,
    });
    const names = fc.record({ commonName: fc.uniqueArray(word), organization: fc.uniqueArray(word) });
    const sorted = ({ commonName, organization }: { commonName: string[]; organization: string[] }) =>
      JSON.stringify([commonName.sort(), organization.sort()]);
    fc.assert(
      fc.property(names, names, (a, b) => {
        const same = read({ subject: a }).subject === read({ subject: b }).subject;
        expect(same).toBe(sorted(a) === sorted(b));
      }),
    );
  });

  test.each([
    [{ commonName: "a, O=b" }, { commonName: "a", organization: "b" }],
    [{ commonName: "a\\, O=b" }, { commonName: "a\\\\", organization: "b" }],
    [{ commonName: ["a", "b"] }, { commonName: "a, CN=b" }],
  ])("%j is not %j", (one, other) => {
    expect(read({ subject: one }).subject).not.toBe(read({ subject: other }).subject);
  });
});

describe("refused certificates", () => {
  const good = make().pem;
  const inner = good.split("\n").slice(1, -2).join("\n");
  const around = (body: string) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;

  test("the PEM that the following are made of is a good one", () => {
    expect(readCertificate(around(inner), "cert").commonNames).toEqual(["leaf"]);
    expect(readCertificate(`\r\n${around(inner).replaceAll("\n", "\r\n")}\r\n`, "cert").commonNames).toEqual([
      "leaf",
    ]);
  });

  test.each([
    ["nothing", ""],
    ["text", "not a certificate"],
    ["two PEM blocks", good + good],
    ["text before it", `subject=leaf\n${good}`],
    ["text after it", `${good}# more`],
    ["another kind of PEM", good.replaceAll("CERTIFICATE", "TRUSTED CERTIFICATE")],
    ["a private key", make().privateKey.export({ format: "pem", type: "pkcs8" }) as string],
    ["base64 that is cut short", around(inner.slice(0, -1))],
    ["base64 with other characters", around(inner.replace(/.$/m, "!"))],
    ["garbage in base64", around(Buffer.alloc(300, 7).toString("base64"))],
    ["the DER of something else", pemOf(sequence(smallInteger(1)))],
    ["bytes behind the DER", pemOf(Buffer.concat([make().der, Buffer.of(0)]))],
    ["a DER that is cut short", pemOf(make().der.slice(0, -1))],
    [
      "sequences in sequences",
      pemOf(Array.from({ length: 900 }).reduce<Uint8Array>((der) => sequence(der), nothing())),
    ],
  ])("%s", (_name, pem) => {
    expect(() => readCertificate(pem, "keys.a")).toThrow(
      refused("bad_certificate", /^keys\.a (?:is not|does not hold)/),
    );
  });

  test("a megabyte, at once", () => {
    const start = performance.now();
    for (const character of ["A", "\n", "-"]) {
      expect(() => readCertificate(around(character.repeat(1 << 20)), "cert")).toThrow(
        refused("bad_certificate", /longer than 16384/),
      );
    }
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("sixteen kilobytes that look like a PEM until their end, at once", () => {
    const start = performance.now();
    for (const filling of ["\n", "A\n", "-----BEGIN CERTIFICATE-----\n"]) {
      const body = filling.repeat(Math.floor(16_000 / filling.length));
      expect(() => readCertificate(`-----BEGIN CERTIFICATE-----\n${body}!`, "cert")).toThrow(
        refused("bad_certificate", /^cert is not one PEM/),
      );
    }
    expect(performance.now() - start).toBeLessThan(500);
  });

  test("one that hides another, which OpenSSL would read in its place", () => {
    const victim = make({ subject: { commonName: "victim" } });
    const hidden = make({ extensions: [{ oid: "1.2.3", value: string(`\n${victim.pem}`) }] });
    expect(new X509Certificate(Buffer.from(hidden.der)).subject).toBe("CN=victim");
    expect(() => readCertificate(hidden.pem, "cert")).toThrow(
      refused("bad_certificate", /does not hold one certificate/),
    );
  });

  const common = (value: Uint8Array) => sequence(set(sequence(oid("2.5.4.3"), value)));
  const oddTime = (text: string) => tlv(text.length > 13 ? 0x18 : 0x17, Buffer.from(text));

  test.each<[string, Partial<CertificateOptions>, RegExp]>([
    ["a NUL in the common name", { subject: { commonName: "admin\0.example" } }, /control character/],
    ["a NUL in an organization", { subject: { organization: "a\0b" } }, /control character/],
    ["a NUL in a DNS name", { sans: ["dns:victim.example\0.evil.example"] }, /control character/],
    ["a NUL in a URI", { sans: ["uri:spiffe://a\0b"] }, /control character/],
    ["a NUL in a mail address", { sans: ["email:a\0@example"] }, /control character/],
    ["a line break in a name", { subject: { commonName: "a\nb" } }, /control character/],
    ["an empty name", { subject: { commonName: "" } }, /empty/],
    ["an empty alternative name", { sans: ["uri:"] }, /empty/],
    ["letters beyond ASCII in a DNS name", { sans: ["dns:exämple.com"] }, /not ASCII/],
    ["T61 text", { subject: common(string("x", T61_STRING)) }, /no UTF8String/],
    ["text in pieces", { subject: common(tlv(0x2c, string("x"))) }, /no UTF8String/],
    ["text of another class", { subject: common(tagged(UTF8_STRING, "x")) }, /be read/],
    ["BMP text", { subject: common(string("\0x", BMP_STRING)) }, /no UTF8String/],
    [
      "letters beyond ASCII in a PrintableString",
      { subject: common(string("ä", PRINTABLE_STRING)) },
      /not ASCII/,
    ],
    ["bytes that are no UTF-8", { subject: common(tlv(UTF8_STRING, Uint8Array.of(0xff))) }, /be read/],
    ["an alternative name in pieces", { sans: [wrapped(6, string("spiffe://a"))] }, /no text/],
    ["an alternative name of no kind", { sans: [string("spiffe://a")] }, /no kind/],
    [
      "critical names of other kinds only",
      { sans: [tlv(0x87, Uint8Array.of(1, 1, 1, 1))], sansCritical: true },
      /none of which/,
    ],
    ["a day that does not exist", { notAfter: oddTime("260230000000Z") }, /no moment/],
    ["the hour 24", { notAfter: oddTime("260228240000Z") }, /no moment/],
    ["a fraction of a second", { notAfter: oddTime("20260228000000.500Z") }, /no moment/],
    ["a month that does not exist", { notAfter: oddTime("261301000000Z") }, /be read/],
    ["a time without a zone", { notAfter: oddTime("260228000000") }, /be read/],
    ["a signature over SHA-1", { hash: "sha1" }, /algorithm/],
    [
      "a path length of no CA",
      { extensions: [{ oid: "2.5.29.19", value: sequence(smallInteger(1)) }] },
      /contradict/,
    ],
    [
      "a path length below zero",
      { extensions: [{ oid: "2.5.29.19", value: sequence(boolean(true), tlv(2, Uint8Array.of(255))) }] },
      /contradict/,
    ],
    [
      "more basic constraints than there are",
      { extensions: [{ oid: "2.5.29.19", value: sequence(boolean(true), smallInteger(1), nothing()) }] },
      /contradict/,
    ],
    [
      "an extension twice",
      { keyUsage: ["keyEncipherment"], extensions: [{ oid: "2.5.29.15", value: bits([0]) }] },
      /extension 2\.5\.29\.15 twice/,
    ],
    [
      "an unknown extension twice",
      {
        extensions: [
          { oid: "1.2.3", value: nothing() },
          { oid: "1.2.3", value: nothing() },
        ],
      },
      /extension 1\.2\.3 twice/,
    ],
    [
      "an unknown critical extension",
      { extensions: [{ oid: "1.2.3", critical: true, value: nothing() }] },
      /extension 1\.2\.3, which/,
    ],
    [
      "policy constraints",
      { ca: true, extensions: [{ oid: "2.5.29.36", critical: true, value: sequence() }] },
      /2\.5\.29\.36/,
    ],
    [
      "name constraints",
      { ca: true, extensions: [{ oid: "2.5.29.30", critical: true, value: sequence() }] },
      /2\.5\.29\.30/,
    ],
    [
      "name constraints that nobody called critical",
      { ca: true, extensions: [{ oid: "2.5.29.30", value: sequence() }] },
      /2\.5\.29\.30/,
    ],
    [
      "a processed extension that is no DER",
      { extensions: [{ oid: "2.5.29.17", value: Uint8Array.of(0x30, 9) }] },
      /be read/,
    ],
    [
      "a processed extension of another type",
      { extensions: [{ oid: "2.5.29.17", value: tagged(0, "x") }] },
      /not built/,
    ],
    [
      "an extended key usage that is no OID",
      { extensions: [{ oid: "2.5.29.37", value: sequence(nothing()) }] },
      /not built/,
    ],
  ])("%s", (_name, options, message) => {
    expect(() => read(options)).toThrow(refused("bad_certificate", message));
  });

  test("an unknown extension that is not critical, and text of the usual types, are no reason", () => {
    expect(read({ extensions: [{ oid: "1.2.3", value: nothing() }] }).commonNames).toEqual(["leaf"]);
    expect(read({ sans: [tlv(0x87, Uint8Array.of(1, 1, 1, 1))] }).uris).toEqual([]);
    expect(read({ subject: common(string("x", PRINTABLE_STRING)) }).commonNames).toEqual(["x"]);
    expect(read({ sans: ["uri:a:", tlv(0x87, Uint8Array.of(1, 1, 1, 1))], sansCritical: true }).uris).toEqual(
      ["a:"],
    );
  });

  test.each<[string, CertificateOptions["edit"] & {}]>([
    ["of version 2", (parts) => parts.with(0, wrapped(0, smallInteger(1)))],
    ["of version 1 that is written out", (parts) => parts.with(0, wrapped(0, smallInteger(0)))],
    ["of version 1 with extensions", (parts) => parts.slice(1)],
    ["with a unique identifier", (parts) => parts.toSpliced(7, 0, tagged(1, "\0x"))],
    ["with a unique identifier in place of extensions", (parts) => parts.with(7, tagged(1, "\0x"))],
  ])("one %s (RFC 5280 4.1.2)", (_name, edit) => {
    expect(() => read({ edit })).toThrow(refused("bad_certificate", /version/));
  });

  test("another algorithm outside than inside (RFC 5280 4.1.1.2)", () => {
    const der = Buffer.from(make().der);
    // The last AlgorithmIdentifier is the outer one: make it ecdsa-with-SHA384.
    const at = der.lastIndexOf(Buffer.from("06082a8648ce3d040302", "hex"));
    der[at + 9] = 3;
    expect(() => readCertificate(pemOf(der), "cert")).toThrow(refused("bad_certificate", /algorithm/));
  });

  test("weak and unsupported keys, whatever they sign with", () => {
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    expect(() => read({ key: weak })).toThrow(
      refused("weak_key", /^cert has a key .* RSA of 1024 bits.*[^.]\.$/),
    );
    const other = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
    expect(() => read({ key: other })).toThrow(refused("unsupported_key", /^cert has a key/));
  });

  test("a key whose point has another spelling: one key has one fingerprint", () => {
    const { spki } = make().signer().publicKey;
    const point = spki.slice(-65);
    const compressed = ECDH.convertKey(point, "prime256v1", undefined, undefined, "compressed") as Buffer;
    const hybrid = Buffer.concat([Uint8Array.of(6 | ((point.at(-1) ?? 0) & 1)), point.subarray(1)]);
    const algorithm = spki.slice(2, 23);
    const withPoint = (bytes: Uint8Array) => withKey(sequence(algorithm, bitString(bytes)));
    expect(read(withPoint(point)).publicKey.spki).toEqual(spki);
    for (const other of [compressed, hybrid]) {
      expect(read(withPoint(other)).publicKey.spki).toEqual(spki);
    }
  });

  test("a key that is none, and one that is longer than any", () => {
    const unknown = sequence(sequence(oid("1.2.3")), bitString(Uint8Array.of(1)));
    expect(() => read(withKey(unknown))).toThrow(refused("bad_certificate", /be read/));
    const modulus = tlv(0x02, new Uint8Array(6500).fill(0x7f));
    const rsa = sequence(modulus, tlv(0x02, Uint8Array.of(1, 0, 1)));
    const long = sequence(sequence(oid("1.2.840.113549.1.1.1"), nothing()), bitString(rsa));
    expect(() => read(withKey(long))).toThrow(refused("bad_certificate", /longer than any key/));
  });
});

describeWithVectors("in-toto-golang", "in-toto-golang's certificates", () => {
  const file = (name: string) => decodeUtf8(vector(`in-toto-golang/${name}.cert.pem`));

  test("say what the layout of the same project asks for", () => {
    expect(readCertificate(file("example.com.write-code"), "cert")).toMatchObject({
      commonNames: ["write-code.example.com"],
      organizations: ["example"],
      dnsNames: [],
      emails: [],
      uris: ["spiffe://example.com/write-code"],
      isCa: false,
      subject: "CN=write-code.example.com, O=example, URI=spiffe://example.com/write-code",
    });
    expect(readCertificate(file("root"), "cert")).toMatchObject({ isCa: true, commonNames: [] });
  });
});

test("every kind of key can be in a certificate and sign one", () => {
  for (const kind of KEY_KINDS) {
    const certificate = readCertificate(make({ key: kind }).pem, "cert");
    expect(certificate.isSignedBy(certificate)).toBe(true);
    expect(certificate.isSignedBy(read())).toBe(false);
  }
});
