import { describe, expect, test } from "@jest/globals";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { toPlain } from "@stemma/encoding";
import { makeCertificate } from "../../crypto/test/support/certificates.ts";
import {
  addSignatures,
  assembleEnvelope,
  attributeText,
  type Layout,
  type LayoutContent,
  PREDICATES_VERSION,
  readEnvelope,
  readLayout,
  signersOf,
  writeLayout,
} from "../src/index.ts";
import { layout, person, step } from "./support/chain.ts";

const alice = person();
const BUILDER = { issuer: "https://issuer.example", identity: "https://ci.example/build" };
const PROVENANCE = "https://slsa.dev/provenance/v1";

const read = (content: LayoutContent): Layout =>
  readLayout(readEnvelope(assembleEnvelope(writeLayout(content), "dsse", [])));

describe("a layout is read as it was written", () => {
  test("identities beside keys", () => {
    const written = read(layout(step("build", [alice], { functionaries: [alice.publicKey, BUILDER] })));
    expect([...written.identities.values()]).toMatchObject([BUILDER]);
    expect(written.steps[0]).toMatchObject({ identities: written.identities, keys: written.keys });
    expect(written.steps[0]?.keyIds).toHaveLength(2);
  });

  test("expected predicates, with the version that says how they are meant", () => {
    const content = layout(
      step("build", [], {
        expectedPredicates: [
          { predicateType: PROVENANCE, functionaries: [BUILDER], threshold: 1 },
          {
            predicateType: "https://in-toto.io/attestation/test-result/v0.1",
            functionaries: [alice.publicKey],
            threshold: 1,
            attributes: [
              { at: "/predicate/result", equals: "PASSED" },
              { at: "/predicate/passedTests", size: { min: 1 } },
              { at: "/predicate/configuration/*/name", glob: "*.yml", allowEmpty: true },
            ],
          },
        ],
      }),
    );
    expect(writeLayout(content).get("expected_predicates_version")).toBe(PREDICATES_VERSION);
    const [provenance, tests] = read(content).steps[0]?.expectedPredicates ?? [];
    expect([...(provenance?.identities.values() ?? [])]).toMatchObject([BUILDER]);
    expect(provenance?.attributes).toEqual([]);
    expect(tests?.attributes.map(attributeText)).toEqual([
      '/predicate/result is "PASSED"',
      "/predicate/passedTests has a size of at least 1",
      '/predicate/configuration/*/name is a text like "*.yml", or nothing',
    ]);
  });

  test("certificate constraints and the authorities that they name", () => {
    const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
    const middle = makeCertificate({ subject: { commonName: "Middle" }, ca: true, issuer: root });
    const constraint = { commonName: "builder", organizations: ["example"], roots: ["root"] };
    const written = read({
      ...layout(step("build", [], { constraints: [constraint] })),
      authorities: { roots: { root: root.pem }, intermediates: { middle: middle.pem } },
    });
    expect(written.steps[0]?.constraints).toEqual([{ ...constraint, dnsNames: [], emails: [], uris: [] }]);
    expect([...written.authorities.roots.keys()]).toEqual(["root"]);
    expect(written.authorities.intermediates).toHaveLength(1);
  });

  test("with every member that Go would write, and so would look for in a metablock", () => {
    const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
    const document = toPlain(
      writeLayout({
        ...layout(step("build", [], { constraints: [{ roots: ["root"] }] })),
        authorities: { roots: { root: root.pem }, intermediates: {} },
      }),
    );
    expect(document).toMatchObject({
      rootcas: {
        root: {
          keyid: "root",
          keyid_hash_algorithms: ["sha256", "sha512"],
          keytype: "ecdsa",
          keyval: { certificate: root.pem, public: expect.stringContaining("BEGIN PUBLIC KEY") },
          scheme: "ecdsa-sha2-nistp256",
        },
      },
      steps: [
        {
          cert_constraints: [
            { common_name: "", dns_names: [], emails: [], organizations: [], roots: ["root"], uris: [] },
          ],
        },
      ],
    });
    expect(document).not.toHaveProperty("intermediatecas");
  });

  test("a certificate that is none is refused before anything is signed", () => {
    const content = { ...layout(step("build", [alice])), authorities: { roots: { root: "PEM" } } };
    expect(() => writeLayout(content)).toThrow(expect.objectContaining({ code: "bad_authority" }));
  });

  test("without any of these, none of their members is written", () => {
    const document = writeLayout(layout(step("build", [alice])));
    expect([...document.keys()]).toEqual(["_type", "expires", "inspect", "keys", "readme", "steps"]);
  });
});

test("what a reader would refuse is not written", () => {
  const both = {
    expectedPredicates: [{ predicateType: PROVENANCE, functionaries: [BUILDER], threshold: 1 }],
  };
  expect(() => writeLayout(layout(step("build", [alice], both)))).toThrow(
    expect.objectContaining({ code: "bad_expected_predicate" }),
  );
  const pattern = { functionaries: [{ ...BUILDER, identity: "https://ci.example/*" }] };
  expect(() => writeLayout(layout(step("build", [], pattern)))).toThrow(
    expect.objectContaining({ code: "bad_identity" }),
  );
});

describe("a signature under every key id that others compute (I-17)", () => {
  test.each(["dsse", "metablock"] as const)(
    "in %s is one functionary's, given several names",
    async (format) => {
      const owner = signerFromPem(generatePrivateKey("ecdsa-p256"));
      const payload = writeLayout(layout(step("build", [alice])));
      const bytes = await addSignatures(assembleEnvelope(payload, format, []), [owner], { everyKeyId: true });
      const { keyId, legacyKeyId, pemKeyId } = owner.publicKey;
      const envelope = readEnvelope(bytes);
      expect(envelope.signatures.map((one) => one.keyId)).toEqual([keyId, legacyKeyId, pemKeyId]);
      expect(signersOf(envelope, new Map([[keyId, owner.publicKey]]))).toHaveLength(1);
      // Signing again replaces them, whether by all names or by one.
      expect(readEnvelope(await addSignatures(bytes, [owner], { everyKeyId: true })).signatures).toHaveLength(
        3,
      );
      expect(readEnvelope(await addSignatures(bytes, [alice])).signatures).toHaveLength(4);
    },
  );
});
