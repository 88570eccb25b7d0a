import { beforeAll, describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { readTrustedRoot, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";
import { MockSigstore } from "../../../test/support/sigstore.ts";
import {
  ascii,
  type CertificateChange,
  der,
  extension,
  extensionIs,
} from "../../../test/support/sigstore-certificates.ts";
import { outcome } from "./support/bundles.ts";

const TYPE = "application/vnd.in-toto+json";
const statement = utf8('{"_type":"https://in-toto.io/Statement/v1","subject":[]}');

/** Object identifiers: as text, and the bytes of their content. */
const KEY_USAGE = ["2.5.29.15", "551d0f"] as const;
const SUBJECT_ALT_NAME = ["2.5.29.17", "551d11"] as const;
const BASIC_CONSTRAINTS = ["2.5.29.19", "551d13"] as const;
const EXTENDED_KEY_USAGE = ["2.5.29.37", "551d25"] as const;
const PRECERTIFICATE_POISON = ["1.3.6.1.4.1.11129.2.4.3", "2b06010401d679020403"] as const;
const ISSUER_OLD = ["1.3.6.1.4.1.57264.1.1", "2b0601040183bf300101"] as const;
const ISSUER = ["1.3.6.1.4.1.57264.1.8", "2b0601040183bf300108"] as const;
const USERNAME = Buffer.from("2b0601040183bf300107", "hex");
const TIME_STAMPING = der(0x06, Buffer.from("2b06010505070308", "hex"));

type Identifier = readonly [text: string, hex: string];

/** Takes an extension away, and puts another value in its place if there is one. */
const replace =
  ([text, hex]: Identifier, value?: Uint8Array, critical = false): CertificateChange =>
  (parts) => {
    parts.extensions = parts.extensions.filter((other) => !extensionIs(text)(other));
    if (value !== undefined) parts.extensions.push(extension(hex, value, critical));
  };
const names = (...list: readonly Buffer[]): CertificateChange =>
  replace(SUBJECT_ALT_NAME, der(0x30, ...list), true);
const uri = (text: string): Buffer => der(0x86, ascii(text));
const email = (text: string): Buffer => der(0x81, ascii(text));
const utf8String = (text: string): Buffer => der(0x0c, Buffer.from(text));
const otherName = (type: Buffer, ...values: readonly Buffer[]): Buffer =>
  der(0xa0, der(0x06, type), der(0xa0, ...values));

let sigstore: MockSigstore;
let root: TrustedRoot;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
  // Changed certificates are in no CT log.
  root = readTrustedRoot(sigstore.trustedRoot({ ctLogs: false }));
});

const signed = (certificate: CertificateChange): Promise<Uint8Array> =>
  sigstore.sign(statement, TYPE, { certificate, proofs: ["log"] });

describe("the identity", () => {
  test.each<[string, Buffer, string]>([
    ["a URI", uri("https://git.example.com/a@refs/tags/v1"), "https://git.example.com/a@refs/tags/v1"],
    ["an email address", email("dev@example.com"), "dev@example.com"],
    ["a user name", otherName(USERNAME, utf8String("jürgen!example.com")), "jürgen!example.com"],
  ])("is %s, exactly", async (_name, name, identity) => {
    expect(verifyKeyless(await signed(names(name)), root, sigstore.now).identity).toBe(identity);
  });

  test.each([
    ["https://accounts.example.com.evil.example", "dev@example.com"],
    ["https://evil.example/https://accounts.example.com", "dev@example.com"],
    ["https://accounts.example.com/", "dev@example.com.evil.example"],
    ["https://accounts.example.com", "evil-dev@example.com"],
    ["https://accounts-example.com", ".*"],
  ])("comes back as it is, with its issuer, however it looks: %s, %s", async (issuer, identity) => {
    const bundle = await sigstore.sign(statement, TYPE, { issuer, identity, certificate: () => {} });
    expect(verifyKeyless(bundle, root, sigstore.now)).toMatchObject({ issuer, identity });
  });

  test.each<[string, CertificateChange]>([
    ["there is no subject alternative name", replace(SUBJECT_ALT_NAME)],
    ["there are two", names(uri("https://a.example"), email("dev@example.com"))],
    ["there are none in the list", names()],
    ["it is a host name", names(der(0x82, ascii("example.com")))],
    ["it is empty", names(uri(""))],
    // The library would read this as "admin@example.com".
    ["a letter has its high bit set", names(email("\xe1dmin@example.com"))],
    ["it is not ASCII, though UTF-8", names(der(0x81, Buffer.from("ädmin@example.com")))],
    ["it has a line break", names(uri("https://a.example\n"))],
    ["it has a NUL", names(email("dev@example.com\0.evil.example"))],
    [
      "it is an other name of another type",
      names(otherName(Buffer.from("2b0601", "hex"), utf8String("dev"))),
    ],
    ["it is an other name that is no UTF8String", names(otherName(USERNAME, der(0x16, ascii("dev"))))],
    ["it is an other name with two values", names(otherName(USERNAME, utf8String("a"), utf8String("b")))],
    ["it is an other name without a value", names(der(0xa0, der(0x06, USERNAME)))],
  ])("is refused when %s", async (_name, change) => {
    expect(outcome(await signed(change), root, sigstore.now)).toBe("bad_certificate_identity");
  });
});

test("a subject alternative name that is no DER, over which the library stumbles, is refused", async () => {
  const bundle = await signed(replace(SUBJECT_ALT_NAME, Buffer.from("ffff", "hex"), true));
  expect(outcome(bundle, root, sigstore.now)).toBe("bad_sigstore_bundle");
});

describe("the issuer", () => {
  test("stands in the older extension where there is no newer", async () => {
    const bundle = await signed(replace(ISSUER));
    expect(verifyKeyless(bundle, root, sigstore.now).issuer).toBe(sigstore.issuer);
  });

  test.each<[string, CertificateChange]>([
    [
      "missing",
      (parts) => {
        replace(ISSUER)(parts);
        replace(ISSUER_OLD)(parts);
      },
    ],
    ["no UTF8String", replace(ISSUER, der(0x16, ascii("https://accounts.example.com")))],
    ["no DER, whatever the older extension says", replace(ISSUER, ascii("https://accounts.example.com"))],
    ["two texts", replace(ISSUER, Buffer.concat([utf8String("a"), utf8String("b")]))],
    ["empty", replace(ISSUER, utf8String(""))],
    ["not UTF-8", replace(ISSUER, der(0x0c, ascii("\xe1ccounts")))],
    ["of two lines", replace(ISSUER, utf8String("https://a.example\nhttps://b.example"))],
  ])("is refused when it is %s", async (_name, change) => {
    expect(outcome(await signed(change), root, sigstore.now)).toBe("bad_certificate_identity");
  });
});

describe("a certificate that chains to Fulcio is refused all the same", () => {
  test.each<[string, CertificateChange]>([
    ["it is for nothing in particular", replace(EXTENDED_KEY_USAGE)],
    ["it is for time stamping", replace(EXTENDED_KEY_USAGE, der(0x30, TIME_STAMPING))],
    ["its key usage is missing", replace(KEY_USAGE)],
    ["it is not for signatures", replace(KEY_USAGE, Buffer.from("03020106", "hex"), true)],
    ["it is an authority's", replace(BASIC_CONSTRAINTS, der(0x30, Buffer.from("0101ff", "hex")), true)],
    ["it is a precertificate", replace(PRECERTIFICATE_POISON, Buffer.from("0500", "hex"), true)],
    [
      "an extension stands twice",
      (parts) => parts.extensions.push(...parts.extensions.filter(extensionIs(SUBJECT_ALT_NAME[0]))),
    ],
    ["an extension is no DER", replace(EXTENDED_KEY_USAGE, Buffer.from("ffff", "hex"))],
  ])("when %s", async (_name, change) => {
    expect(outcome(await signed(() => {}), root, sigstore.now)).toBe("accepted");
    expect(outcome(await signed(change), root, sigstore.now)).toBe("untrusted_certificate");
  });

  test("when nobody certified the change", async () => {
    const stranger = await MockSigstore.create();
    const bundle = await stranger.sign(statement, TYPE, { certificate: () => {}, proofs: ["log"] });
    expect(outcome(bundle, stranger.trustedRoot({ ctLogs: false }), stranger.now)).toBe("accepted");
    expect(outcome(bundle, root, sigstore.now)).toBe("untrusted_certificate");
  });
});
