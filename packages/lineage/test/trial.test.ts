import { beforeEach, expect, test } from "@jest/globals";
import { driveSync } from "@stemma/client";
import { type LayoutContent, signLayout } from "@stemma/in-toto";
import { layoutPath, type OwnedLayout, TRIAL_TYPE, type Trial, tryFromRoot } from "@stemma/lineage";
import { DomainFixture, newSigner } from "../../../test/support/domain.ts";

let domain: DomainFixture;
beforeEach(async () => {
  domain = await DomainFixture.create();
});

function trial(draft?: OwnedLayout): Trial {
  const request = { digest: domain.digest, project: domain.project };
  return driveSync(tryFromRoot(domain.root, request, domain.now, draft), domain.source);
}

/** A draft that somebody signed who owns nothing. */
async function draftOf(content: LayoutContent): Promise<OwnedLayout> {
  const somebody = newSigner();
  const owners = { keys: new Map([[somebody.publicKey.keyId, somebody.publicKey]]), threshold: 1 };
  return { layoutEnvelope: await signLayout(content, [somebody]), owners };
}

/** The fixture's layout with other rules for the products of its last step. */
function changed(...rules: readonly string[]): LayoutContent {
  const layout = domain.layout();
  const [source, build, pack] = layout.steps;
  if (source === undefined || build === undefined || pack === undefined) throw new Error("three steps");
  const expectedProducts = rules.map((rule) => rule.split(" "));
  return { ...layout, steps: [source, build, { ...pack, expectedProducts }] };
}

test("the published layout is tried as it would be verified", () => {
  const found = trial();
  expect(found).toMatchObject({ type: TRIAL_TYPE, satisfied: true, draft: false, reasons: [] });
  expect(found.lineage?.steps.map(({ name }) => name)).toEqual(["source", "build", "package"]);
  expect(found.lineage?.steps[1]?.rules[0]).toMatchObject({ consumed: ["src/main.ts"], left: 0 });
});

test("a draft is tried in its place, and is never an allow", async () => {
  const found = trial(await draftOf(changed("REQUIRE image/app", "CREATE image/*", "DISALLOW *")));
  expect(found).toMatchObject({ satisfied: true, draft: true });
  expect(JSON.stringify(found)).not.toMatch(/"allow"|decision/);
});

test("a draft that the evidence does not satisfy says why", async () => {
  const found = trial(await draftOf(changed("CREATE other/*", "DISALLOW *")));
  expect(found).toMatchObject({
    satisfied: false,
    reasons: [{ code: "rule_failed", step: "package", ruleList: "products", ruleIndex: 1 }],
  });
});

test("a draft needs no published layout, but everything else", async () => {
  domain.projectFiles.delete(layoutPath(domain.project));
  await domain.signProject();
  expect(trial().reasons).toMatchObject([{ code: "layout_missing" }]);
  const draft = await draftOf(domain.layout());
  expect(trial(draft).satisfied).toBe(true);
  await domain.revoke(domain.digest, "it leaks");
  expect(trial(draft)).toMatchObject({ satisfied: false, reasons: [{ code: "artifact_revoked" }] });
  domain.blobs.clear();
  expect(trial(draft).satisfied).toBe(false);
});
