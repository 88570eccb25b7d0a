import { describe, expect, test } from "@jest/globals";
import { anchorsOf, readCertificate, sha256, unmetConstraint } from "@stemma/crypto";
import { decodeUtf8, utf8 } from "@stemma/encoding";
import {
  DURING,
  type MadeCertificate,
  makeCertificate,
  NOT_AFTER,
} from "../../crypto/test/support/certificates.ts";
import {
  DEFAULT_LIMITS,
  type EnvelopeFormat,
  Evidence,
  EvidenceGate,
  type LayoutRequest,
  type LayoutVerdict,
  readEnvelope,
  readLayout,
  signLink,
  verifyLayout,
} from "../src/index.ts";
import { digestOf, evidenceOf, link, owners } from "./support/chain.ts";
import { about, idOf, rawLayout, signRaw, statement, TYPES } from "./support/documents.ts";
import { alice, olga, oscar, why } from "./support/release.ts";
import { describeWithVectors, vector } from "./support/vectors.ts";

const APP = digestOf("app");
const AFTER = new Date(NOT_AFTER.getTime() + 1_000);
const build = link("build", {}, { app: "app" });

const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const otherRoot = makeCertificate({ subject: { commonName: "Other root" }, ca: true });
const middle = makeCertificate({ subject: { commonName: "Middle" }, ca: true, issuer: root, pathLength: 0 });
const workload = (name: string, issuer: MadeCertificate = middle): MadeCertificate =>
  makeCertificate({
    subject: { commonName: name, organization: "example" },
    sans: [`uri:spiffe://example.com/${name}`],
    issuer,
  });
const builder = workload("builder");

type Json = Record<string, unknown>;
const constraint = (changes: Json = {}): Json => ({
  common_name: "builder",
  dns_names: [],
  emails: [],
  organizations: ["example"],
  roots: ["root"],
  uris: ["spiffe://example.com/builder"],
  ...changes,
});
const authority = (certificate: MadeCertificate): Json => ({
  keytype: "ecdsa",
  scheme: "ecdsa-sha2-nistp256",
  keyval: { public: "", certificate: certificate.pem },
});
const AUTHORITIES = {
  rootcas: { root: authority(root), other: authority(otherRoot) },
  intermediatecas: { middle: authority(middle) },
};

const document = (step: Json = {}, more: Json = {}): Json =>
  rawLayout([alice], [{ name: "build", cert_constraints: [constraint()], ...step }], {
    ...AUTHORITIES,
    ...more,
  });

/** Signs the link with a certificate's key, and puts the certificate beside the signature as Go does. */
async function signedBy(
  certificate: MadeCertificate,
  format: EnvelopeFormat = "dsse",
  shown: string = certificate.pem,
): Promise<Uint8Array> {
  const envelope = JSON.parse(decodeUtf8(await signLink(build, [certificate.signer()], format)));
  envelope.signatures[0].cert = shown;
  return utf8(JSON.stringify(envelope));
}

async function judge(
  evidence: readonly Uint8Array[],
  layout: Json = document(),
  changes: Partial<LayoutRequest> = {},
): Promise<LayoutVerdict> {
  return verifyLayout({
    layoutEnvelope: await signRaw(layout, [olga, oscar]),
    owners: owners(2, olga, oscar),
    evidence: evidenceOf(...evidence),
    digest: APP,
    time: DURING,
    ...changes,
  });
}

describe("a functionary by certificate (ITE-7, as in-toto-golang has it)", () => {
  test.each(["metablock", "dsse"] as const)("signs a link in %s", async (format) => {
    const verdict = await judge([await signedBy(builder, format)]);
    expect(why(verdict)).toEqual([]);
    expect(verdict.steps[0]?.functionaries).toMatchObject([
      {
        kind: "certificate",
        anchors: ["root"],
        fingerprint: builder.signer().publicKey.fingerprint,
        name: expect.stringContaining("spiffe://example.com/builder"),
      },
    ]);
  });

  test("beside functionaries by key", async () => {
    const layout = document({ pubkeys: [idOf(alice)], threshold: 2 });
    const byKey = await signLink(build, [alice]);
    expect(why(await judge([byKey], layout))).toEqual(["threshold_not_met build"]);
    expect(why(await judge([byKey, await signedBy(builder)], layout))).toEqual([]);
  });

  test("meets one of several constraints", async () => {
    const layout = document({ cert_constraints: [constraint({ common_name: "tester" }), constraint()] });
    expect(why(await judge([await signedBy(builder)], layout))).toEqual([]);
  });

  test("may attest a predicate", async () => {
    const predicateType = "https://example.com/review/v1";
    const predicate = { predicateType, functionaries: [], threshold: 1, cert_constraints: [constraint()] };
    const layout = rawLayout([], [{ name: "build", expected_predicates: [predicate] }], AUTHORITIES);
    const subject = [{ name: "app", digest: { sha256: APP.slice(7) } }];
    const payload = { _type: "https://in-toto.io/Statement/v1", subject, predicateType };
    const envelope = JSON.parse(decodeUtf8(await signRaw(payload, [builder.signer()])));
    expect(why(await judge([utf8(JSON.stringify(envelope))], layout))).toEqual([
      "functionary_not_authorized build",
    ]);
    envelope.signatures[0].cert = builder.pem;
    expect(why(await judge([utf8(JSON.stringify(envelope))], layout))).toEqual([]);
  });
});

describe("does not count", () => {
  const refused: readonly [string, () => Promise<LayoutVerdict>, string][] = [
    [
      "without its certificate",
      async () => judge([await signLink(build, [builder.signer()])]),
      "functionary_not_authorized",
    ],
    [
      "under a root that the layout does not have",
      async () =>
        judge([
          await signedBy(workload("builder", makeCertificate({ subject: { commonName: "Root" }, ca: true }))),
        ]),
      "certificate_not_trusted",
    ],
    [
      "without the intermediate",
      async () => judge([await signedBy(builder)], document({}, { intermediatecas: {} })),
      "certificate_not_trusted",
    ],
    [
      "under the layout's other root, which Go lets pass",
      async () => judge([await signedBy(workload("builder", otherRoot))]),
      "certificate_constraint_unmet",
    ],
    [
      "with another name",
      async () => judge([await signedBy(workload("tester"))]),
      "certificate_constraint_unmet",
    ],
    [
      "after it has expired",
      async () =>
        judge([await signedBy(builder)], document({}, { expires: "2027-06-01T00:00:00Z" }), { time: AFTER }),
      "certificate_not_trusted",
    ],
    [
      "by a signature of another key",
      async () => judge([await signedBy(workload("tester"), "dsse", builder.pem)]),
      "bad_signature",
    ],
    [
      "with a certificate that cannot be read",
      async () =>
        judge([
          await signedBy(builder, "dsse", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ]),
      "bad_certificate",
    ],
    [
      "for a step without constraints",
      async () =>
        judge([await signedBy(builder)], document({ cert_constraints: [], pubkeys: [idOf(alice)] })),
      "functionary_not_authorized",
    ],
    [
      "where the constraint names no root",
      async () =>
        judge([await signedBy(builder)], document({ cert_constraints: [constraint({ roots: [] })] })),
      "certificate_constraint_unmet",
    ],
  ];
  test.each(refused)("%s", async (_, verdict, code) => {
    expect(why(await verdict())).toEqual([`${code} build`]);
  });
});

describe("distinct functionaries", () => {
  const anybody = document({
    threshold: 2,
    cert_constraints: [constraint({ common_name: "*", uris: ["*"] })],
  });

  test("are two holders with a key each", async () => {
    expect(why(await judge([await signedBy(builder), await signedBy(workload("tester"))], anybody))).toEqual(
      [],
    );
  });

  test("are not one holder with two certificates", async () => {
    const again = workload("builder");
    expect(why(await judge([await signedBy(builder), await signedBy(again)], anybody))).toEqual([
      "threshold_not_met build",
    ]);
  });

  test("are not one key under two names (N-02)", async () => {
    const twin = makeCertificate({
      subject: { commonName: "twin", organization: "example" },
      issuer: middle,
      key: builder.privateKey,
      sans: ["uri:spiffe://example.com/twin"],
    });
    expect(why(await judge([await signedBy(builder), await signedBy(twin)], anybody))).toEqual([
      "threshold_not_met build",
    ]);
    // A third that stands between the two must not make them one more.
    const tester = workload("tester");
    const all = [await signedBy(builder), await signedBy(twin), await signedBy(tester)];
    expect(why(await judge(all, anybody))).toEqual([]);
  });

  test("are not one key, once by itself and once by certificate", async () => {
    const signer = builder.signer();
    const layout = rawLayout(
      [signer],
      [{ name: "build", threshold: 2, pubkeys: [idOf(signer)], cert_constraints: [constraint()] }],
      AUTHORITIES,
    );
    const both = [await signedBy(builder), await signLink(build, [signer], "metablock")];
    expect(why(await judge(both, layout))).toEqual(["threshold_not_met build"]);
  });
});

describe("a layout that is refused", () => {
  const refused: readonly [string, Json, string][] = [
    [
      "an unknown attribute of a constraint (N-44)",
      document({ cert_constraints: [constraint({ serial: "1" })] }),
      "bad_constraint",
    ],
    [
      "a root that it does not define",
      document({ cert_constraints: [constraint({ roots: ["nobody"] })] }),
      "bad_constraint",
    ],
    [
      "an authority without a certificate",
      document({}, { rootcas: { root: { ...authority(root), keyval: { public: "" } } } }),
      "missing_member",
    ],
    [
      "an authority with a private key",
      document({}, { rootcas: { root: { keyval: { certificate: root.pem, private: "x" } } } }),
      "private_key_exposed",
    ],
    [
      "an authority that cannot be read",
      document({}, { rootcas: { root: { keyval: { certificate: "x" } } } }),
      "bad_authority",
    ],
  ];
  test.each(refused)("%s", async (_, layout, code) => {
    expect(why(await judge([await signedBy(builder)], layout))).toEqual([code]);
  });
});

describeWithVectors("in-toto-golang", "in-toto-golang: the authorities of demo.layout", () => {
  test("anchor the write-code certificate in the root that its constraint names, while it holds", () => {
    const layout = readLayout(readEnvelope(vector("in-toto-golang/demo.layout")));
    const pem = decodeUtf8(vector("in-toto-golang/example.com.write-code.cert.pem"));
    const certificate = readCertificate(pem, "The vector");
    const { roots, intermediates } = layout.authorities;
    const at = (time: string) => anchorsOf(certificate, intermediates, roots, new Date(time));
    const [constraint] = layout.steps[0]?.constraints ?? [];
    if (constraint === undefined) throw new Error("The vector has a constraint.");
    expect(at("2026-11-24T00:00:00Z")).toEqual(constraint.roots);
    expect(unmetConstraint(constraint, certificate, at("2026-11-24T00:00:00Z"))).toBeUndefined();
    expect(at("2021-08-31T18:00:00Z")).toEqual([]);
  });
});

test("a time that is none is a refusal at the gate, not a fault", async () => {
  const layout = readLayout(readEnvelope(await signRaw(document(), [olga])));
  const bytes = await signedBy(builder);
  const trust = { time: new Date(Number.NaN), keyless: undefined, limits: DEFAULT_LIMITS };
  const [refused] = new EvidenceGate(layout, trust).offer([
    new Evidence(sha256(bytes), bytes, DEFAULT_LIMITS),
  ]);
  expect(refused?.refusal.code).toBe("certificate_not_trusted");
});

test("certificates that anybody added cost once, and not for every step", async () => {
  const forger = makeCertificate({ subject: { commonName: "Middle" }, ca: true });
  const forged = Array.from({ length: 8 }, () => workload("builder", forger).pem);
  const steps = Array.from({ length: 64 }, (_, at) => ({
    name: `s${at}`,
    expected_predicates: [
      {
        predicateType: TYPES.own,
        functionaries: [idOf(alice)],
        threshold: 1,
        cert_constraints: [constraint()],
      },
    ],
  }));
  const payload = statement(TYPES.own, [about("app", "app")]);
  const envelope = JSON.parse(decodeUtf8(await signRaw(payload, [alice])));
  for (const cert of forged) envelope.signatures.push({ sig: "AAAA", cert });
  const evidence = Array.from({ length: 32 }, (_, at) => utf8(JSON.stringify({ ...envelope, at })));
  const layoutEnvelope = await signRaw(rawLayout([alice], steps, AUTHORITIES), [olga]);
  const before = performance.now();
  const verdict = verifyLayout({
    layoutEnvelope,
    owners: owners(1, olga),
    evidence: evidenceOf(...evidence),
    digest: APP,
    time: DURING,
  });
  expect(why(verdict)).toEqual([]);
  expect(performance.now() - before).toBeLessThan(1000);
});
