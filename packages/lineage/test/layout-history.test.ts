import { describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { asObject, fromPlain, type Sha256Hex } from "@stemma/encoding";
import { keylessKey, PREDICATES_VERSION, signPayload } from "@stemma/in-toto";
import { DomainFixture } from "../../../test/support/domain.ts";
import { makeCertificate } from "../../crypto/test/support/certificates.ts";
import { authoritiesAt, type HistoryDocument, layoutPath, readHistory } from "../src/index.ts";

/*
 * What a layout says of attestations, identities, certificates and inspections is authority as well: no change of it may
 * pass an auditor by.
 */

const builder = signerFromPem(generatePrivateKey("ed25519"));
const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const otherRoot = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const REVIEW = "https://example.com/review/v1";

type Json = Record<string, unknown>;
interface Parts {
  readonly identity?: string;
  readonly threshold?: number;
  readonly attributes?: readonly Json[];
  readonly commonName?: string;
  readonly rootPem?: string;
  readonly inspect?: readonly Json[];
}

function layoutOf(parts: Parts): Json {
  const identity = keylessKey("https://issuer.example", parts.identity ?? "ci@example.com");
  const step = {
    _type: "step",
    threshold: 1,
    expected_materials: [],
    expected_products: [],
    expected_command: [],
  };
  return {
    _type: "layout",
    expires: "2027-01-01T00:00:00Z",
    readme: "",
    keys: { [identity.keyId]: identity.json, [builder.publicKey.keyId]: builder.publicKey.toJson() },
    rootcas: { root: { keyval: { certificate: parts.rootPem ?? root.pem } } },
    inspect: parts.inspect ?? [],
    expected_predicates_version: PREDICATES_VERSION,
    steps: [
      {
        ...step,
        name: "review",
        pubkeys: [],
        expected_predicates: [
          {
            predicateType: REVIEW,
            functionaries: [identity.keyId, builder.publicKey.keyId],
            threshold: parts.threshold ?? 1,
            expectedAttributes: parts.attributes ?? [],
          },
        ],
      },
      {
        ...step,
        name: "pack",
        pubkeys: [],
        cert_constraints: [{ common_name: parts.commonName ?? "packer", roots: ["root"] }],
      },
    ],
  };
}

async function changesBetween(before: Parts, after: Parts) {
  const domain = await DomainFixture.create();
  const files = new Map<Sha256Hex, Uint8Array>();
  const documents: HistoryDocument[] = [];
  const publish = (role: string, version: number, epoch: number): void => {
    const bytes = domain.metadata.get(`${version}.${role}`) as Uint8Array;
    documents.push({ role, version, epoch, publishedAt: new Date(domain.now.getTime() + epoch), bytes });
  };
  publish("root", 1, 1);
  publish("targets", 1, 1);
  for (const [index, parts] of [before, after].entries()) {
    const bytes = await signPayload(asObject(fromPlain(layoutOf(parts)), "layout"), domain.owners);
    domain.versions.project = index + 1;
    await domain.setProjectFile(layoutPath("app"), bytes);
    publish("app", index + 1, index + 2);
  }
  for (const [name, bytes] of domain.blobs) files.set(name, bytes);
  const find = (name: Sha256Hex) => files.get(name);
  const entry = readHistory(documents, find).at(-1);
  expect(entry?.fault).toBeUndefined();
  const changes = (entry?.changes ?? []).filter(
    ({ kind }) => kind !== "layout_changed" && kind !== "expiry_changed",
  );
  return { changes: changes.map(({ kind, words }) => [kind, words]), documents, find, domain };
}

describe("a change of the layout is told", () => {
  const cases: readonly [string, Parts, string, RegExp][] = [
    [
      "another identity",
      { identity: "evil@example.com" },
      "keys_changed",
      /review, attestations of .*evil@example.com of https:\/\/issuer.example may now sign; ci@example.com .* may not/,
    ],
    [
      "another threshold of a predicate",
      { threshold: 2 },
      "threshold_changed",
      /review, attestations of .*: 2 of 2/,
    ],
    [
      "another attribute",
      { attributes: [{ at: "/predicate/ok", equals: true }] },
      "step_rules_changed",
      /review/,
    ],
    [
      "another certificate constraint",
      { commonName: "anybody" },
      "keys_changed",
      /step pack: .*anybody.* may now sign/,
    ],
    [
      "another root certificate under the same label",
      { rootPem: otherRoot.pem },
      "authorities_changed",
      /authorities/,
    ],
    [
      "an inspection",
      { inspect: [{ _type: "inspection", name: "look", run: ["true"] }] },
      "inspections_changed",
      /inspections/,
    ],
  ];
  test.each(cases)("%s", async (_, after, kind, words) => {
    const { changes } = await changesBetween({}, after);
    expect(changes).toEqual([[kind, expect.stringMatching(words)]]);
  });

  test("and nothing when nothing changed", async () => {
    expect((await changesBetween({}, {})).changes).toEqual([]);
  });
});

test("who could sign names identities, certificates and predicate types", async () => {
  const { documents, find, domain } = await changesBetween({}, {});
  const app = authoritiesAt(documents, find, new Date(domain.now.getTime() + 1_000)).find(
    ({ role }) => role === "app",
  );
  expect(app?.steps).toMatchObject([
    {
      step: "review",
      predicateType: REVIEW,
      threshold: 1,
      keys: [
        { keyType: "ed25519" },
        { keyType: "sigstore-oidc", name: "ci@example.com of https://issuer.example" },
      ],
    },
    { step: "pack", threshold: 1, keys: [], certificates: [expect.stringContaining("packer")] },
  ]);
});
