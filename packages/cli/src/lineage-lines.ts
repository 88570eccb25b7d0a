import { branchWords, type LineageBranch } from "./lineage-tree.ts";
import { type Line, type Style, styled } from "./output.ts";

/** The tree of a lineage for a terminal. */
export function lineageLines(tree: LineageBranch): readonly Line[] {
  return [
    [styled(styleOf(tree), branchWords(tree)), "  ", styled("bold", tree.digest ?? "")],
    ...(tree.name === undefined ? [] : [`  ${tree.name}`]),
    ...problemLines(tree, "  "),
    ...tree.branches.flatMap((branch, index) =>
      branchLines(branch, index === tree.branches.length - 1, "  "),
    ),
    ...(tree.branches.length === 0 ? [[styled("dim", "  nothing is known that it rests on")]] : []),
  ];
}

function branchLines(branch: LineageBranch, last: boolean, indent: string): readonly Line[] {
  const bar = `${indent}${last ? "   " : "│  "}`;
  return [
    [
      `${indent}${last ? "└─" : "├─"} `,
      styled(styleOf(branch), branchWords(branch)),
      "  ",
      branch.digest ?? "",
    ],
    ...(branch.name === undefined ? [] : [`${bar}${branch.name}`]),
    ...problemLines(branch, bar),
    ...branch.branches.flatMap((below, index) =>
      branchLines(below, index === branch.branches.length - 1, bar),
    ),
  ];
}

function problemLines({ problem }: LineageBranch, indent: string): readonly Line[] {
  return problem === undefined ? [] : [[styled("dim", `${indent}${problem}`)]];
}

function styleOf({ relation, grade, decision }: LineageBranch): Style {
  if (relation === undefined) return decision === "allow" ? "good" : "bad";
  return grade === "proven" ? "good" : grade === "contained" ? "warn" : "dim";
}
