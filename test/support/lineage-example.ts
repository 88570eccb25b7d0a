import { sha256 } from "@stemma/crypto";
import { type Digest, parseDigest, utf8 } from "@stemma/encoding";
import type { LineageBranch } from "../../packages/cli/src/lineage-tree.ts";

const digest = (name: string): Digest => parseDigest(`sha256:${sha256(utf8(name))}`);

function branch(name: string, more: Partial<LineageBranch>): LineageBranch {
  return {
    relation: "base",
    digest: digest(name),
    name: undefined,
    grade: "proven",
    decision: "allow",
    origin: undefined,
    layers: undefined,
    problem: undefined,
    branches: [],
    ...more,
  };
}

/** The tree of docs/lineage-example.svg: one of everything that a drawing tells apart. */
export const EXAMPLE_TREE: LineageBranch = branch("index", {
  relation: undefined,
  grade: undefined,
  name: "application/vnd.oci.image.index.v1+json",
  origin: "app",
  branches: [
    branch("amd64", {
      relation: "platform",
      name: "linux/amd64",
      branches: [
        branch("runtime", {
          origin: "runtime",
          layers: { base: 3, image: 5 },
          branches: [branch("debian", { origin: "debian of upstream", layers: { base: 1, image: 3 } })],
        }),
      ],
    }),
    branch("arm64", {
      relation: "platform",
      name: "linux/arm64",
      branches: [
        branch("vendor", {
          grade: "contained",
          decision: undefined,
          layers: { base: 2, image: 4 },
          problem: "No project that may prove it has it on record.",
        }),
      ],
    }),
    branch("riscv64", {
      relation: "platform",
      name: "linux/riscv64",
      grade: "claimed",
      decision: "deny",
      problem: "Step build: 0 of 1 signature.",
    }),
    branch("module", {
      relation: "dependency",
      grade: "claimed",
      decision: undefined,
      name: "pkg:golang/github.com/example/module@v1.2.3",
    }),
  ],
});
