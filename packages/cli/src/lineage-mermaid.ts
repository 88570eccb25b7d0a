import { branchWords, type LineageBranch, sureness } from "./lineage-tree.ts";
import { clip } from "./text-width.ts";

const COLUMNS = 60;

/**
 * The tree of a lineage as a Mermaid flowchart, for pages that draw those. Names come from documents: they are cleaned, cut, and
 * written so that nothing in them is taken for more than text.
 */
export function lineageMermaid(tree: LineageBranch): string {
  const lines = ["flowchart TD"];
  let count = 0;
  const add = (branch: LineageBranch): string => {
    const id = `n${count}`;
    count += 1;
    const words = [branchWords(branch), branch.digest?.slice(0, 19) ?? "", branch.name ?? ""];
    const label = words
      .filter((text) => text !== "")
      .map(quoted)
      .join("<br/>");
    lines.push(`  ${id}["${label}"]:::${sureness(branch)}`);
    for (const below of branch.branches) lines.push(`  ${id} --> ${add(below)}`);
    return id;
  };
  add(tree);
  return `${[
    ...lines,
    "  classDef good fill:#ddf4e4,stroke:#1a7f37",
    "  classDef fair fill:#fff8e6,stroke:#9a6700",
    "  classDef weak fill:#f6f8fa,stroke:#57606a",
    "  classDef bad fill:#ffebe9,stroke:#cf222e",
  ].join("\n")}\n`;
}

/** Mermaid reads entities in quoted labels by number. */
function quoted(text: string): string {
  return clip(text, COLUMNS).replace(
    /[^A-Za-z0-9 ,.:/@=_+-]/gu,
    (character) => `#${character.codePointAt(0)};`,
  );
}
