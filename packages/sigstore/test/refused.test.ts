import { beforeAll, describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { readTrustedRoot, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";
import { MockSigstore, newKeyPair, type TrustedRootJson } from "../../../test/support/sigstore.ts";
import { ENTRY_KINDS } from "../../../test/support/sigstore-log.ts";
import { bundleJson, edit, envelopeOf, first, flip, outcome } from "./support/bundles.ts";

const TYPE = "application/vnd.in-toto+json";
const statement = utf8('{"_type":"https://in-toto.io/Statement/v1","subject":[]}');
const seconds = (from: Date, count: number): Date => new Date(from.getTime() + count * 1000);

let sigstore: MockSigstore;
let root: TrustedRoot;
/** Logged and timestamped. Every refusal below is of a bundle that differs from an accepted one in one thing. */
let good: Uint8Array;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
  root = readTrustedRoot(sigstore.trustedRoot());
  good = await sigstore.sign(statement, TYPE);
  expect(outcome(good, root, sigstore.now)).toBe("accepted");
});

describe("services that the trusted root does not name", () => {
  test.each<[keyof TrustedRootJson, string]>([
    ["certificateAuthorities", "untrusted_certificate"],
    ["ctlogs", "untrusted_certificate"],
    ["tlogs", "bad_log_entry"],
    ["timestampAuthorities", "unproven_time"],
  ])("%s of another Sigstore", async (name, code) => {
    const other = JSON.parse(Buffer.from((await MockSigstore.create()).trustedRoot()).toString());
    const mixed = sigstore.trustedRoot({}, (json) => Object.assign(json, { [name]: other[name] }));
    expect(outcome(good, mixed, sigstore.now)).toBe(code);
  });

  test("a log entry where it names no log, a timestamp where it names no authority", () => {
    expect(outcome(good, sigstore.trustedRoot({ logs: false }), sigstore.now)).toBe("bad_log_entry");
    expect(outcome(good, sigstore.trustedRoot({ timestamps: false }), sigstore.now)).toBe("unproven_time");
  });

  test.each<[string, (json: TrustedRootJson, until: string) => unknown, string]>([
    [
      "authority",
      (json, end) => Object.assign(first(json.certificateAuthorities).validFor ?? {}, { end }),
      "untrusted_certificate",
    ],
    [
      "CT log",
      (json, end) => Object.assign(first(json.ctlogs).publicKey.validFor ?? {}, { end }),
      "untrusted_certificate",
    ],
    [
      "log",
      (json, end) => Object.assign(first(json.tlogs).publicKey.validFor ?? {}, { end }),
      "bad_log_entry",
    ],
    [
      "timestamp authority",
      (json, end) => Object.assign(first(json.timestampAuthorities).validFor ?? {}, { end }),
      "unproven_time",
    ],
  ])(
    "a certificate, log entry or timestamp after its %s went out of service (N-43)",
    (_name, change, code) => {
      const until = (time: Date) => sigstore.trustedRoot({}, (json) => void change(json, time.toISOString()));
      expect(outcome(good, until(sigstore.now), sigstore.now)).toBe("accepted");
      expect(outcome(good, until(seconds(sigstore.now, -1)), sigstore.now)).toBe(code);
    },
  );

  test("a checkpoint by the key of a log that was out of service, without a promise (N-43)", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { promise: false });
    const other = (await MockSigstore.create()).trustedLog();
    const during = (start: Date, end: Date): TrustedRoot =>
      readTrustedRoot(
        sigstore.trustedRoot({}, (json) => {
          first(json.tlogs).publicKey.validFor = { start: start.toISOString(), end: end.toISOString() };
          // That another log was in service helps nothing.
          json.tlogs.push(other);
        }),
      );
    const { now } = sigstore;
    expect(outcome(bundle, during(now, now), now)).toBe("accepted");
    for (const trusted of [
      during(seconds(now, -9), seconds(now, -1)),
      during(seconds(now, 1), seconds(now, 9)),
    ]) {
      expect(() => verifyKeyless(bundle, trusted, now)).toThrow(/not in service/);
    }
  });
});

describe("a log entry that is not about this signature (N-42)", () => {
  const withEntryOf = (other: Uint8Array): Uint8Array =>
    edit(good, (json) => {
      json.verificationMaterial.tlogEntries = bundleJson(other).verificationMaterial.tlogEntries;
    });

  test("but about another artifact, signed by another", async () => {
    const other = await sigstore.sign(utf8('{"other":1}'), TYPE);
    expect(outcome(other, root, sigstore.now)).toBe("accepted");
    expect(outcome(withEntryOf(other), root, sigstore.now)).toBe("bad_log_entry");
  });

  test("but about another signature of the same statement by the same key and certificate", async () => {
    const key = newKeyPair();
    const proofs = ["log"] as const;
    const one = await sigstore.sign(statement, TYPE, { key, proofs });
    const two = await sigstore.sign(statement, TYPE, { key, proofs });
    const mixed = edit(one, (json) => {
      json.verificationMaterial.certificate = bundleJson(two).verificationMaterial.certificate ?? {
        rawBytes: "",
      };
      json.verificationMaterial.tlogEntries = bundleJson(two).verificationMaterial.tlogEntries;
    });
    expect(outcome(mixed, root, sigstore.now)).toBe("bad_log_entry");
  });

  test("but about another statement by the same key", async () => {
    const key = newKeyPair();
    const one = await sigstore.sign(statement, TYPE, { key, proofs: ["log"] });
    const two = await sigstore.sign(utf8('{"other":1}'), TYPE, { key, proofs: ["log"] });
    const mixed = edit(one, (json) => {
      json.dsseEnvelope = envelopeOf(bundleJson(two));
    });
    expect(outcome(mixed, root, sigstore.now)).toBe("bad_log_entry");
  });

  test("but whose body was exchanged", async () => {
    const other = await sigstore.sign(utf8('{"other":1}'), TYPE);
    const mixed = edit(withEntryOf(other), (json) => {
      first(json.verificationMaterial.tlogEntries).canonicalizedBody = first(
        bundleJson(good).verificationMaterial.tlogEntries,
      ).canonicalizedBody;
    });
    expect(outcome(mixed, root, sigstore.now)).toBe("bad_log_entry");
  });

  test.each(ENTRY_KINDS)("but shows another certificate for the same key (%s)", async (kind) => {
    const key = newKeyPair();
    const bundle = await sigstore.sign(statement, TYPE, { key, proofs: [kind] });
    expect(outcome(bundle, root, sigstore.now)).toBe("accepted");
    const certificate = await sigstore.certify(key.publicKey, { identity: "https://git.example.com/other" });
    const mixed = edit(bundle, (json) => {
      json.verificationMaterial.certificate = { rawBytes: certificate.toString("base64") };
    });
    expect(() => verifyKeyless(mixed, root, sigstore.now)).toThrow(/another certificate/);
  });
});

describe("entries and timestamps beside good ones", () => {
  test("an entry twice, a timestamp twice (N-45)", () => {
    const entries = edit(good, ({ verificationMaterial: { tlogEntries } }) => {
      tlogEntries.push(first(tlogEntries));
    });
    // The promise of the entry is a proven time, and stands twice as well.
    expect(outcome(entries, root, sigstore.now)).toBe("unproven_time");
    const timestamps = edit(good, ({ verificationMaterial: { timestampVerificationData } }) => {
      timestampVerificationData?.rfc3161Timestamps.push(first(timestampVerificationData.rfc3161Timestamps));
    });
    expect(outcome(timestamps, root, sigstore.now)).toBe("unproven_time");
  });

  test("an entry twice, where a timestamp alone proves the time (N-45)", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { promise: false });
    const twice = edit(bundle, ({ verificationMaterial: { tlogEntries } }) => {
      tlogEntries.push(first(tlogEntries));
    });
    expect(outcome(twice, root, sigstore.now)).toBe("bad_log_entry");
  });

  test("two different entries are accepted, and refused as soon as one of them is of another artifact", async () => {
    const bundle = await sigstore.sign(statement, TYPE, {
      proofs: ["dsse 0.0.1", "hashedrekord 0.0.1", "timestamp"],
      promise: false,
    });
    expect(bundleJson(bundle).verificationMaterial.tlogEntries).toHaveLength(2);
    expect(outcome(bundle, root, sigstore.now)).toBe("accepted");
    const mixed = edit(bundle, ({ verificationMaterial }) => {
      verificationMaterial.tlogEntries[1] = first(bundleJson(good).verificationMaterial.tlogEntries);
    });
    expect(outcome(mixed, root, sigstore.now)).toBe("bad_log_entry");
  });

  test("a timestamp of another signature beside a good one", async () => {
    const other = (await sigstore.timestamp(utf8("another signature"))).toString("base64");
    const bundle = edit(good, ({ verificationMaterial: { timestampVerificationData } }) => {
      timestampVerificationData?.rfc3161Timestamps.push({ signedTimestamp: other });
    });
    expect(outcome(bundle, root, sigstore.now)).toBe("unproven_time");
  });
});

describe("the time of signing (N-43)", () => {
  test("proven by nothing", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { proofs: [] });
    expect(outcome(bundle, root, sigstore.now)).toBe("not_logged");
    expect(outcome(bundle, sigstore.trustedRoot({ logs: false }), sigstore.now)).toBe("unproven_time");
  });

  test("by a timestamp where the trusted root names a log, whose entry is missing", async () => {
    const bundle = await sigstore.sign(statement, TYPE, { proofs: ["timestamp"] });
    expect(outcome(bundle, sigstore.trustedRoot({ logs: false }), sigstore.now)).toBe("accepted");
    expect(outcome(bundle, root, sigstore.now)).toBe("not_logged");
  });

  test("written in a log entry that nobody promised", async () => {
    const options = { proofs: ["log"], promise: false } as const;
    const bundle = await sigstore.sign(statement, TYPE, options);
    const entry = first(bundleJson(bundle).verificationMaterial.tlogEntries);
    expect(Number(entry.integratedTime) * 1000).toBe(sigstore.now.getTime());
    expect(outcome(bundle, root, sigstore.now)).toBe("unproven_time");
  });

  test("changed in a log entry after the log promised it", () => {
    const bundle = edit(good, (json) => {
      first(json.verificationMaterial.tlogEntries).integratedTime = String(sigstore.now.getTime() / 1000 + 1);
    });
    expect(outcome(bundle, root, seconds(sigstore.now, 1))).toBe("bad_log_entry");
  });

  test("later than the time that is asked about, by a second or in one of two proofs", async () => {
    expect(outcome(good, root, seconds(sigstore.now, -1))).toBe("signed_in_future");
    expect(outcome(good, root, new Date(Number.NaN))).toBe("signed_in_future");

    const signature = Buffer.from(first(envelopeOf(bundleJson(good)).signatures).sig, "base64");
    const later = (await sigstore.timestamp(signature, seconds(sigstore.now, 1))).toString("base64");
    const bundle = edit(good, ({ verificationMaterial: { timestampVerificationData } }) => {
      timestampVerificationData?.rfc3161Timestamps.push({ signedTimestamp: later });
    });
    expect(outcome(bundle, root, seconds(sigstore.now, 1))).toBe("accepted");
    expect(outcome(bundle, root, sigstore.now)).toBe("signed_in_future");
  });

  test.each(["log", "timestamp"] as const)(
    "after or before the certificate's ten minutes, by a %s",
    async (proof) => {
      const trusted = sigstore.trustedRoot({ logs: proof === "log" });
      const at = async (count: number): Promise<string> => {
        const options = { proofs: [proof], provenAt: seconds(sigstore.now, count) };
        return outcome(await sigstore.sign(statement, TYPE, options), trusted, seconds(sigstore.now, 3600));
      };
      expect(await at(600)).toBe("accepted");
      expect(await at(601)).toBe("untrusted_certificate");
      expect(await at(-1)).toBe("untrusted_certificate");
    },
  );

  test("outside of the certificate's time in one of two proofs", async () => {
    const signature = Buffer.from(first(envelopeOf(bundleJson(good)).signatures).sig, "base64");
    const later = (await sigstore.timestamp(signature, seconds(sigstore.now, 601))).toString("base64");
    const bundle = edit(good, ({ verificationMaterial }) => {
      verificationMaterial.timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: later }] };
    });
    expect(outcome(bundle, root, seconds(sigstore.now, 3600))).toBe("untrusted_certificate");
  });
});

describe("a flipped bit", () => {
  test.each<[string, (json: ReturnType<typeof bundleJson>) => void, string]>([
    [
      "the payload",
      (json) => {
        envelopeOf(json).payload = flip(envelopeOf(json).payload, 7);
      },
      "bad_log_entry",
    ],
    [
      "the payload type",
      (json) => {
        envelopeOf(json).payloadType = "application/vnd.in-toto+jsom";
      },
      "bad_signature",
    ],
    [
      "the signature",
      (json) => {
        const signature = first(envelopeOf(json).signatures);
        signature.sig = flip(signature.sig, -1 + Buffer.from(signature.sig, "base64").length);
      },
      "unproven_time",
    ],
    [
      "the certificate",
      (json) => {
        const { certificate } = json.verificationMaterial;
        if (certificate !== undefined) certificate.rawBytes = flip(certificate.rawBytes, 200);
      },
      "untrusted_certificate",
    ],
    [
      "the promise of inclusion",
      (json) => {
        const { inclusionPromise: promise } = first(json.verificationMaterial.tlogEntries);
        if (promise !== undefined) promise.signedEntryTimestamp = flip(promise.signedEntryTimestamp, 20);
      },
      "bad_log_entry",
    ],
    [
      "the body of the entry",
      (json) => {
        const entry = first(json.verificationMaterial.tlogEntries);
        entry.canonicalizedBody = flip(entry.canonicalizedBody, 20);
      },
      "bad_log_entry",
    ],
    [
      "the log's id",
      (json) => {
        const entry = first(json.verificationMaterial.tlogEntries);
        entry.logId.keyId = flip(entry.logId.keyId, 5);
      },
      "bad_log_entry",
    ],
    [
      "the proof of inclusion",
      (json) => {
        const { inclusionProof: proof } = first(json.verificationMaterial.tlogEntries);
        if (proof !== undefined) proof.hashes[0] = flip(first(proof.hashes), 3);
      },
      "bad_log_entry",
    ],
    [
      "the checkpoint",
      (json) => {
        const { inclusionProof: proof } = first(json.verificationMaterial.tlogEntries);
        if (proof !== undefined)
          proof.checkpoint.envelope = proof.checkpoint.envelope.replace(" - 1\n", " - 2\n");
      },
      "bad_log_entry",
    ],
    [
      "the timestamp",
      (json) => {
        const token = first(json.verificationMaterial.timestampVerificationData?.rfc3161Timestamps);
        token.signedTimestamp = flip(
          token.signedTimestamp,
          -10 + Buffer.from(token.signedTimestamp, "base64").length,
        );
      },
      "unproven_time",
    ],
  ])("in %s", (_name, change, code) => {
    expect(edit(good, change)).not.toEqual(good);
    expect(outcome(edit(good, change), root, sigstore.now)).toBe(code);
  });
});
