import { expect, test } from "@jest/globals";
import { verifyBundle } from "@stemma/client";
import type { SignerTrace } from "@stemma/in-toto";
import { factsOf } from "@stemma/lineage";
import { DomainFixture } from "../../../test/support/domain.ts";

test.each<[string, string, boolean]>([
  ["as people write it", "CN=builder, O=Example", true],
  ["of nothing at all", "", false],
  ["longer than anything can be asked for", `CN=${"\u{20ac}".repeat(700)}`, false],
])("a certificate's subject %s is a fact or not; its key is one always", async (_what, name, isFact) => {
  const domain = await DomainFixture.create();
  const request = { digest: domain.digest, project: "app", time: domain.now };
  const verdict = verifyBundle(domain.root, domain.bundle, request);
  const { lineage } = verdict;
  if (lineage === undefined) throw new Error("There is no layout in the verdict.");
  const holder = (signer: SignerTrace): SignerTrace => ({ ...signer, kind: "certificate", name });
  const steps = lineage.steps.map((step) => ({ ...step, functionaries: step.functionaries.map(holder) }));
  const kinds = factsOf({ ...verdict, lineage: { ...lineage, steps } })
    .filter(({ relation }) => relation === "step")
    .map(({ ancestor }) => ancestor.kind);
  expect(kinds.includes("certificate")).toBe(isFact);
  expect(kinds.filter((kind) => kind === "functionary")).toHaveLength(3);
});
