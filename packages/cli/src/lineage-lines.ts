import { branchWords, type LineageBranch, sureness } from "./lineage-tree.ts";
import { type Line, type Style, styled } from "./output.ts";

/** The tree of a lineage for a terminal. */
export function lineageLines(tree: LineageBranch): readonly Line[] {
  return [
    [styled(styleOf(tree), branchWords(tree)), "  ", styled("bold", tree.digest ?? "")],
    ...(tree.name === undefined ? [] : [`  ${tree.name}`]),
    ...problemLines(tree, "  "),
    ...branchesLines(tree, "  "),
    ...(tree.branches.length === 0 ? [[styled("dim", "  nothing is known that it rests on")]] : []),
  ];
}

/** What an artifact rests on, below something else that was said of it. */
export function branchesLines({ branches }: LineageBranch, indent: string): readonly Line[] {
  return branches.flatMap((branch, index) => branchLines(branch, index === branches.length - 1, indent));
}

function branchLines(branch: LineageBranch, last: boolean, indent: string): readonly Line[] {
  const bar = `${indent}${last ? "   " : "│  "}`;
  return [
    [
      `${indent}${last ? "└─" : "├─"} `,
      styled(styleOf(branch), branchWords(branch)),
      branch.digest === undefined ? "" : `  ${branch.digest}`,
    ],
    ...(branch.name === undefined ? [] : [`${bar}${branch.name}`]),
    ...problemLines(branch, bar),
    ...branchesLines(branch, bar),
  ];
}

function problemLines({ problem }: LineageBranch, indent: string): readonly Line[] {
  return problem === undefined ? [] : [[styled("dim", `${indent}${problem}`)]];
}

const STYLES = { good: "good", fair: "warn", weak: "dim", bad: "bad" } as const;

function styleOf(branch: LineageBranch): Style {
  return STYLES[sureness(branch)];
}
