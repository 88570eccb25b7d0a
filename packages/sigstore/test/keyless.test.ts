import { beforeAll, describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { readTrustedRoot, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";
import { MockSigstore, newKeyPair, type Proof } from "../../../test/support/sigstore.ts";
import { ENTRY_KINDS } from "../../../test/support/sigstore-log.ts";
import { describeWithVectors, vector } from "../../in-toto/test/support/vectors.ts";
import { bundleJson, edit, first, outcome } from "./support/bundles.ts";

const TYPE = "application/vnd.in-toto+json";
const statement = utf8('{"_type":"https://in-toto.io/Statement/v1","subject":[]}');
const seconds = (from: Date, count: number): Date => new Date(from.getTime() + count * 1000);

let sigstore: MockSigstore;
let root: TrustedRoot;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
  root = readTrustedRoot(sigstore.trustedRoot());
});

describe("a keyless bundle", () => {
  test("proves its exact issuer and identity, and when it was signed", async () => {
    const bundle = await sigstore.sign(statement, TYPE);
    expect(verifyKeyless(bundle, root, seconds(sigstore.now, 60))).toEqual({
      issuer: sigstore.issuer,
      identity: sigstore.identity,
      signedAt: sigstore.now,
    });
  });

  test("may be years old: only the time of signing counts for its certificate", async () => {
    const at = new Date("2021-03-04T05:06:07Z");
    const bundle = await sigstore.sign(statement, TYPE, { at });
    expect(verifyKeyless(bundle, root, sigstore.now).signedAt).toEqual(at);
  });

  test.each<[string, { logs?: boolean; timestamps?: boolean }, Proof[]]>([
    ["a log alone", { timestamps: false }, ["log"]],
    ["a log, where the trusted root also names a timestamp authority", {}, ["log"]],
    ["a timestamp alone, where the trusted root names no log", { logs: false }, ["timestamp"]],
    ["both", {}, ["log", "timestamp"]],
  ])("verifies by %s", async (_name, parts, proofs) => {
    const bundle = await sigstore.sign(statement, TYPE, { proofs });
    expect(outcome(bundle, sigstore.trustedRoot(parts), sigstore.now)).toBe("accepted");
  });

  test("verifies without a record in a CT log where the trusted root names none", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { certificate: () => {} });
    expect(outcome(bundle, sigstore.trustedRoot({ ctLogs: false }), sigstore.now)).toBe("accepted");
    expect(outcome(bundle, root, sigstore.now)).toBe("untrusted_certificate");
  });

  test.each(ENTRY_KINDS)("verifies with a log entry of kind %s", async (kind) => {
    const bundle = await sigstore.sign(statement, TYPE, { proofs: [kind] });
    expect(outcome(bundle, root, sigstore.now)).toBe("accepted");
  });

  test("verifies with an entry that promises nothing, as Rekor v2 writes it, if a timestamp proves the time", async () => {
    const bundle = await sigstore.sign(statement, TYPE, {
      proofs: ["hashedrekord 0.0.2", "timestamp"],
      promise: false,
    });
    expect(outcome(bundle, root, sigstore.now)).toBe("accepted");
  });

  test("was signed at the earliest of the times that are proven, whichever proves it", async () => {
    const key = newKeyPair();
    const late = await sigstore.sign(statement, TYPE, { key, provenAt: seconds(sigstore.now, 30) });
    const signature = Buffer.from(first(bundleJson(late).dsseEnvelope?.signatures).sig, "base64");
    const early = (await sigstore.timestamp(signature, seconds(sigstore.now, 20))).toString("base64");
    const bundle = edit(late, (json) => {
      json.verificationMaterial.timestampVerificationData?.rfc3161Timestamps.push({ signedTimestamp: early });
    });
    expect(verifyKeyless(bundle, root, seconds(sigstore.now, 60)).signedAt).toEqual(
      seconds(sigstore.now, 20),
    );
  });
});

test("the time in an entry that the log did not promise counts for nothing (N-43)", async () => {
  const bundle = await sigstore.sign(statement, TYPE, { promise: false });
  for (const count of [-3600, 3600]) {
    const changed = edit(bundle, (json) => {
      const time = seconds(sigstore.now, count).getTime() / 1000;
      first(json.verificationMaterial.tlogEntries).integratedTime = String(time);
    });
    expect(verifyKeyless(changed, root, sigstore.now).signedAt).toEqual(sigstore.now);
  }
});

describe("the formats of bundles", () => {
  const legacy = (version: string): string => `application/vnd.dev.sigstore.bundle+json;version=${version}`;

  test("v0.3 in both spellings of its media type", async () => {
    const bundle = await sigstore.sign(statement, TYPE);
    expect(bundleJson(bundle).mediaType).toBe("application/vnd.dev.sigstore.bundle.v0.3+json");
    const other = edit(bundle, (json) => {
      json.mediaType = legacy("0.3");
    });
    expect(outcome(other, root, sigstore.now)).toBe("accepted");
  });

  test("v0.2, which has a chain of certificates", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { chain: true });
    expect(bundleJson(bundle).mediaType).toBe(legacy("0.2"));
    expect(bundleJson(bundle).verificationMaterial.x509CertificateChain?.certificates).toHaveLength(1);
    expect(outcome(bundle, root, sigstore.now)).toBe("accepted");
  });

  test("v0.1, whose log entries may have a promise of inclusion and no proof", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { chain: true, proofs: ["log"] });
    const bare = edit(bundle, (json) => {
      for (const entry of json.verificationMaterial.tlogEntries) delete entry.inclusionProof;
    });
    expect(outcome(bare, root, sigstore.now)).toBe("bad_sigstore_bundle");
    const old = edit(bare, (json) => {
      json.mediaType = legacy("0.1");
    });
    expect(outcome(old, root, sigstore.now)).toBe("accepted");
  });

  test.each([
    "application/vnd.dev.sigstore.bundle+json;version=0.4",
    "application/vnd.dev.sigstore.bundle.v0.4+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json; charset=utf-8",
    "application/vnd.dev.sigstore.bundle.v0.2+json",
    "application/json",
    "",
  ])("and no other: %j", async (mediaType) => {
    const bundle = edit(await sigstore.sign(statement, TYPE), (json) => {
      json.mediaType = mediaType;
    });
    expect(outcome(bundle, root, sigstore.now)).toBe("unsupported_bundle");
  });
});

describeWithVectors("sigstore", "a bundle of the public Sigstore", () => {
  const bundle = vector("sigstore/intoto-dsse-v3.sigstore.json");
  const trusted = readTrustedRoot(vector("sigstore/trusted_root.public-good.json"));
  const signedAt = new Date("2024-12-16T18:42:56Z");

  test("verifies", () => {
    expect(verifyKeyless(bundle, trusted, signedAt)).toEqual({
      issuer: "https://token.actions.githubusercontent.com",
      identity:
        "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main",
      signedAt,
    });
  });

  test("does not with another trusted root, nor a second before it was signed", () => {
    expect(outcome(bundle, root, signedAt)).toBe("untrusted_certificate");
    expect(outcome(bundle, trusted, seconds(signedAt, -1))).toBe("signed_in_future");
  });
});
