import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseDigest } from "@stemma/encoding";
import type { BaseTrace, Verdict } from "@stemma/lineage";
import fc from "fast-check";
import { EXAMPLE_TREE } from "../../../test/support/lineage-example.ts";
import { repositoryRoot } from "../../../test/support/service.ts";
import { lineageLines } from "../src/lineage-lines.ts";
import { lineageMermaid } from "../src/lineage-mermaid.ts";
import { lineageSvg } from "../src/lineage-svg.ts";
import { type LineageBranch, lineageTree } from "../src/lineage-tree.ts";
import { render } from "../src/output.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => parseDigest(`sha256:${digit.repeat(64)}`)) as [
  Verdict["digest"],
  Verdict["digest"],
  Verdict["digest"],
];

test("the picture in the docs is the one that the command draws", async () => {
  const drawn = await readFile(join(repositoryRoot, "docs/lineage-example.svg"), "utf8");
  expect(lineageSvg(EXAMPLE_TREE)).toBe(drawn);
});

test("a terminal is told what each artifact rests on, and why something is not surer", () => {
  const text = lineageLines(EXAMPLE_TREE)
    .map((line) => render(line, false))
    .join("\n");
  expect(text.replace(/sha256:[0-9a-f]{64}/g, "sha256:…")).toBe(
    [
      "allow by app  sha256:…",
      "  application/vnd.oci.image.index.v1+json",
      "  ├─ platform, holds  sha256:…",
      "  │  linux/amd64",
      "  │  └─ base, proven by runtime, 3 of 5 layers  sha256:…",
      "  │     └─ base, proven by debian of upstream, 1 of 3 layers  sha256:…",
      "  ├─ platform, holds  sha256:…",
      "  │  linux/arm64",
      "  │  └─ base, contained, 2 of 4 layers  sha256:…",
      "  │     No project that may prove it has it on record.",
      "  ├─ platform, does not hold itself  sha256:…",
      "  │  linux/riscv64",
      "  │  Step build: 0 of 1 signature.",
      "  └─ dependency, claimed  sha256:…",
      "     pkg:golang/github.com/example/module@v1.2.3",
    ].join("\n"),
  );
});

function base(image: Verdict["digest"], manifest: Verdict["digest"]): BaseTrace {
  return {
    image,
    digest: manifest,
    manifest,
    namedBy: ["annotation"],
    grade: "contained",
    layers: { base: 1, image: 1 },
    origin: undefined,
    decision: undefined,
    verdict: undefined,
    problem: undefined,
  };
}

function verdictWith(bases: readonly BaseTrace[]): Verdict {
  const ancestry = {
    policy: undefined,
    platforms: "itself",
    kind: "manifest",
    relatives: [],
    bases,
    dependencies: [],
  };
  return { digest: a, project: "app", decision: "allow", reasons: [], ancestry } as unknown as Verdict;
}

test("the base of a base stands below it, and images that name each other come to an end", () => {
  const tree = lineageTree(verdictWith([base(a, b), base(b, c), base(c, b), base(b, a)]));
  expect(tree.branches.map(({ digest }) => digest)).toEqual([b]);
  expect(tree.branches[0]?.branches.map(({ digest }) => digest)).toEqual([c]);
  expect(tree.branches[0]?.branches[0]?.branches).toEqual([]);
});

test("an image without its manifest on record is told from one that rests on nothing", () => {
  const { ancestry, ...known } = verdictWith([]);
  const of = (mediaType: string, kind: string | undefined) =>
    lineageTree({ ...known, record: { mediaType }, ancestry: { ...ancestry, kind } } as unknown as Verdict);
  expect(of("application/vnd.oci.image.manifest.v1+json", undefined).problem).toMatch(/record it again/);
  expect(of("application/vnd.oci.image.manifest.v1+json", "manifest").problem).toBeUndefined();
  expect(of("application/gzip", undefined).problem).toBeUndefined();
});

test("names from documents are text and nothing else, in every drawing", () => {
  const named = fc.string({ unit: "binary", maxLength: 60 });
  fc.assert(
    fc.property(named, named, (name, problem) => {
      const tree: LineageBranch = {
        ...EXAMPLE_TREE,
        name,
        problem,
        branches: [{ ...EXAMPLE_TREE, name, relation: "base", branches: [] }],
      };
      const lines = lineageLines(tree).map((line) => render(line, false));
      for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      const labels = lineageMermaid(tree)
        .split("\n")
        .filter((line) => line.includes('["'));
      for (const label of labels) {
        expect(label).toMatch(
          /^ {2}n\d+\["(?:<br\/>|#\d+;|[A-Za-z0-9 ,.:/@=_+-])*"\]:::(?:good|fair|weak|bad)$/,
        );
      }
      expect(lineageSvg(tree).match(/<text/g)).toHaveLength(4);
    }),
  );
});
