import { beforeAll, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { EncodingError, utf8 } from "@stemma/encoding";
import {
  readTrustedRoot,
  SIGSTORE_LIMITS,
  SigstoreError,
  type TrustedRoot,
  verifyKeyless,
} from "@stemma/sigstore";
import {
  MockSigstore,
  type PeriodJson,
  type TrustedAuthorityJson,
  type TrustedLogJson,
  type TrustedRootJson,
} from "../../../test/support/sigstore.ts";
import { der, extension, extensionIs } from "../../../test/support/sigstore-certificates.ts";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import { first } from "./support/bundles.ts";

const EXTENDED_KEY_USAGE = "2.5.29.37";
const EXTENDED_KEY_USAGE_HEX = "551d25";
const TIME_STAMPING = der(0x06, Buffer.from("2b06010505070308", "hex"));
const CODE_SIGNING = der(0x06, Buffer.from("2b06010505070303", "hex"));

let sigstore: MockSigstore;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
});

function refusal(change: (root: TrustedRootJson) => void): string {
  try {
    readTrustedRoot(sigstore.trustedRoot({}, change));
    return "accepted";
  } catch (error) {
    if (!(error instanceof SigstoreError || error instanceof EncodingError)) throw error;
    return error.code;
  }
}

describe("a trusted root", () => {
  test("is known by the digest of its bytes", () => {
    const bytes = sigstore.trustedRoot();
    expect(readTrustedRoot(bytes)).toEqual({ digest: sha256(bytes) });
  });

  test.each([
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
  ])("may have the media type %s", (mediaType) => {
    expect(refusal((root) => Object.assign(root, { mediaType }))).toBe("accepted");
  });

  test("may leave out lists that are empty", () => {
    expect(refusal((root) => Object.assign(root, { ctlogs: undefined, timestampAuthorities: null }))).toBe(
      "accepted",
    );
  });

  test("is nothing that somebody else made", () => {
    const forged: TrustedRoot = { digest: sha256(utf8("forged")) };
    expect(() => verifyKeyless(utf8("{}"), forged, sigstore.now)).toThrow(
      expect.objectContaining({ code: "bad_trusted_root" }),
    );
  });
});

describe("a trusted root is refused", () => {
  const periods: [string, (root: TrustedRootJson) => { validFor?: PeriodJson }][] = [
    ["tlogs", (root) => first<TrustedLogJson>(root.tlogs).publicKey],
    ["ctlogs", (root) => first<TrustedLogJson>(root.ctlogs).publicKey],
    ["certificateAuthorities", (root) => first<TrustedAuthorityJson>(root.certificateAuthorities)],
    ["timestampAuthorities", (root) => first<TrustedAuthorityJson>(root.timestampAuthorities)],
  ];

  test.each(periods)("when it does not say since when one of its %s is valid", (_name, holder) => {
    expect(refusal((root) => delete holder(root).validFor)).toBe("bad_trusted_root");
    expect(refusal((root) => Object.assign(holder(root), { validFor: null }))).toBe("bad_trusted_root");
    expect(refusal((root) => Object.assign(holder(root), { validFor: {} }))).toBe("bad_trusted_root");
    expect(refusal((root) => Object.assign(holder(root), { validFor: { start: null } }))).toBe(
      "bad_trusted_root",
    );
  });

  test.each([
    "soon",
    "Jan 1 2021",
    "2021-01-12",
    "2021-02-31T00:00:00Z",
    "2021-01-12T00:00:00",
    "2021-13-01T00:00:00Z",
    0,
  ])("when %j is to be a time", (time) => {
    for (const [, holder] of periods) {
      expect(refusal((root) => Object.assign(holder(root), { validFor: { start: time } }))).toBe(
        "bad_trusted_root",
      );
      const validFor = { start: "2020-01-01T00:00:00.123456789Z", end: time };
      expect(refusal((root) => Object.assign(holder(root), { validFor }))).toBe("bad_trusted_root");
    }
  });

  test.each<[string, (root: TrustedRootJson) => unknown, string]>([
    [
      "of another media type",
      (root) => Object.assign(root, { mediaType: "application/json" }),
      "bad_trusted_root",
    ],
    ["without a media type", (root) => Object.assign(root, { mediaType: undefined }), "bad_trusted_root"],
    ["without a certificate authority", (root) => root.certificateAuthorities.pop(), "bad_trusted_root"],
    [
      "without a log and without a timestamp authority",
      (root) => [root.tlogs.pop(), root.timestampAuthorities.pop()],
      "bad_trusted_root",
    ],
    [
      "with a key that is none",
      (root) => Object.assign(first(root.tlogs).publicKey, { rawBytes: "AAAA" }),
      "bad_trusted_root",
    ],
    [
      "with a log without an id",
      (root) => Object.assign(first(root.tlogs), { logId: undefined }),
      "bad_trusted_root",
    ],
    [
      "with a certificate that is none",
      (root) =>
        Object.assign(first(first(root.certificateAuthorities).certChain.certificates), { rawBytes: "AAAA" }),
      "bad_trusted_root",
    ],
    [
      "with a timestamp authority without certificates",
      (root) => Object.assign(first(root.timestampAuthorities).certChain, { certificates: [] }),
      "bad_trusted_root",
    ],
    ["with logs that are no list", (root) => Object.assign(root, { tlogs: {} }), "wrong_type"],
  ])("%s", (_name, change, code) => {
    expect(refusal(() => {})).toBe("accepted");
    expect(refusal(change)).toBe(code);
  });

  test.each<[string, Buffer | undefined, boolean, string]>([
    ["not what its certificate is for", der(0x30, CODE_SIGNING), true, "bad_trusted_root"],
    ["not all that its certificate is for", der(0x30, TIME_STAMPING, CODE_SIGNING), true, "bad_trusted_root"],
    ["not critical", der(0x30, TIME_STAMPING), false, "bad_trusted_root"],
    ["not said", undefined, true, "bad_trusted_root"],
    ["said as it must be", der(0x30, TIME_STAMPING), true, "accepted"],
  ])("with an authority for timestamps, if time stamping is %s (N-43)", (_name, usage, critical, code) => {
    const certificate = sigstore.timestampingCertificate((parts) => {
      parts.extensions = parts.extensions.filter((other) => !extensionIs(EXTENDED_KEY_USAGE)(other));
      if (usage !== undefined) parts.extensions.push(extension(EXTENDED_KEY_USAGE_HEX, usage, critical));
    });
    const change = (root: TrustedRootJson): void => {
      const chain = first(root.timestampAuthorities).certChain.certificates;
      chain[0] = { rawBytes: certificate.toString("base64") };
    };
    expect(refusal(change)).toBe(code);
  });

  test("when its JSON is not strict, or too long", () => {
    const text = Buffer.from(sigstore.trustedRoot()).toString();
    const twice = utf8(text.replace("{", '{"tlogs":[],'));
    expect(() => readTrustedRoot(twice)).toThrow(expect.objectContaining({ code: "duplicate_member" }));
    const long = utf8(text + " ".repeat(SIGSTORE_LIMITS.trustedRootBytes));
    expect(() => readTrustedRoot(long)).toThrow(expect.objectContaining({ code: "too_large" }));
    expect(() => readTrustedRoot(utf8("[]"))).toThrow(expect.objectContaining({ code: "wrong_type" }));
  });
});

describeWithVectors("sigstore", "the trusted root of the public Sigstore", () => {
  test("can be read", () => {
    const bytes = vector("sigstore/trusted_root.public-good.json");
    expect(readTrustedRoot(bytes).digest).toBe(sha256(bytes));
  });
});

test("the trusted root that the stock client carries, which names a timestamp authority, can be read", async () => {
  const { default: seeds } = await import("@sigstore/tuf/seeds.json", { with: { type: "json" } });
  const [repository] = Object.values(seeds);
  const bytes = Buffer.from(repository?.targets["trusted_root.json"] ?? "", "base64");
  expect(readTrustedRoot(bytes).digest).toBe(sha256(bytes));
});
