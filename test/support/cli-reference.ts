import { buildProgram, commandTree } from "@stemma/cli";

/** docs/cli.md, made from the command tree that the command itself, its help and its completion come from. */
export function cliReferencePage(): string {
  const sections = commandTree(buildProgram())
    .filter((node) => node.children.length === 0)
    .map((node) => {
      const usage = [node.path.join(" "), node.usage].filter((part) => part !== "").join(" ");
      const rows = node.options.map((option) => {
        const notes = [
          option.required ? "required" : "",
          option.environment === undefined ? "" : `or \`${option.environment}\``,
          option.fallback === undefined ? "" : `default \`${option.fallback}\``,
        ].filter((part) => part !== "");
        const meaning = cell(option.meaning) + (notes.length === 0 ? "" : ` (${notes.join("; ")})`);
        return `| \`${cell(option.flags)}\` | ${meaning} |`;
      });
      const table = rows.length === 0 ? "" : `\n| Option | Meaning |\n|---|---|\n${rows.join("\n")}\n`;
      return `## ${node.path.join(" ")}\n\n${node.summary}.\n\n\`${usage}\`\n${table}`;
    });
  return `# The command \`stemma\`

In a checkout, \`npm run stemma -- ...\`; packed, one file that needs Node 24 and nothing else. Written by
\`node scripts/write-references.ts\` from the command tree.

* Human output first; \`--json\` on every command prints one JSON document on standard output and nothing else. Progress
  and questions go to standard error. Colour only on a terminal, and not with \`NO_COLOR\`.
* Nothing is read from the working folder that was not named. Secrets are never options: a passphrase comes from
  \`--passphrase-file\`, \`STEMMA_PASSPHRASE\` or the terminal, an API token from \`STEMMA_TOKEN\`.
* \`stemma completion bash\`, \`zsh\` or \`fish\` prints a completion script.

| Exit code | Meaning |
|---|---|
| 0 | done, or allow |
| 1 | refused, or deny |
| 2 | wrong usage |
| 3 | cannot tell: nobody answered, or something unforeseen happened |

\`stemma run\` ends with the exit code of the command that it ran, when that is not 0.

${sections.join("\n")}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
