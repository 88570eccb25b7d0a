import { expect } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import {
  type LayoutContent,
  type LayoutRequest,
  type LayoutVerdict,
  type LinkContent,
  type StepContent,
  signLayout,
  signLink,
  verifyLayout,
} from "../../src/index.ts";
import { digestOf, evidenceOf, layout, link, NOW, owners, person, step } from "./chain.ts";

export const [olga, oscar, alice, bob, carl, mallory] = [
  person(),
  person(),
  person(),
  person(),
  person(),
  person(),
];

/** source (alice) → build (two of alice, bob, carl) → package (carl) */
export const chain = (
  changes: { build?: Partial<StepContent>; package?: Partial<StepContent> } = {},
): LayoutContent =>
  layout(
    step("source", [alice], {
      expectedProducts: [
        ["CREATE", "src/*"],
        ["DISALLOW", "*"],
      ],
    }),
    step("build", [alice, bob, carl], {
      threshold: 2,
      expectedMaterials: [
        ["MATCH", "src/*", "WITH", "PRODUCTS", "FROM", "source"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["CREATE", "app"],
        ["ALLOW", "src/*"],
        ["DISALLOW", "*"],
      ],
      expectedCommand: ["make"],
      ...changes.build,
    }),
    step("package", [carl], {
      expectedMaterials: [
        ["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"],
        ["DISALLOW", "*"],
      ],
      expectedProducts: [
        ["CREATE", "app.tgz"],
        ["ALLOW", "app"],
        ["DISALLOW", "*"],
      ],
      ...changes.package,
    }),
  );

export const source = link("source", {}, { "src/a": "A" });
export const build = link("build", { "src/a": "A" }, { app: "binary" }, ["make"]);
export const packaging = link("package", { app: "binary" }, { "app.tgz": "tarball" });
export const TARBALL = digestOf("tarball");

export const signedLayout: Uint8Array = await signLayout(chain(), [olga, oscar]);

/** The least that satisfies the layout: source, build by alice and by bob, package. */
export const good: readonly Uint8Array[] = [
  await signLink(source, [alice]),
  await signLink(build, [alice], "metablock"),
  await signLink(build, [bob]),
  await signLink(packaging, [carl], "metablock"),
];

/** Verifies evidence against the layout above, unless the changes say otherwise. */
export function verify(evidence: readonly Uint8Array[], changes: Partial<LayoutRequest> = {}): LayoutVerdict {
  return verifyLayout({
    layoutEnvelope: signedLayout,
    owners: owners(2, olga, oscar),
    evidence: evidenceOf(...evidence),
    digest: TARBALL,
    time: NOW,
    ...changes,
  });
}

/** The codes of the reasons, and the steps that they name. */
export function why(verdict: LayoutVerdict): readonly string[] {
  expect(verdict.ok).toBe(verdict.reasons.length === 0);
  return verdict.reasons.map(({ code, step: name }) => (name === undefined ? code : `${code} ${name}`));
}

/** Signs a layout and links and verifies them. */
export async function verifyChain(
  content: LayoutContent,
  links: readonly (readonly [LinkContent, Signer])[],
  changes: Partial<LayoutRequest> = {},
): Promise<LayoutVerdict> {
  const layoutEnvelope = await signLayout(content, [olga, oscar]);
  const evidence = await Promise.all(links.map(([content, signer]) => signLink(content, [signer])));
  return verify(evidence, { layoutEnvelope, ...changes });
}
