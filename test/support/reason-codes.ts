import { PROBLEMS } from "@stemma/contract";

/** docs/reason-codes.md, made from the list of codes that the HTTP API and the CLI answer with. */
export function reasonCodesPage(): string {
  const rows = Object.entries(PROBLEMS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { status, title, advice }]) => `| \`${code}\` | ${status} | ${cell(title)} | ${cell(advice)} |`,
    );
  return `# Reason codes

Every refusal has one of these codes, in verdicts, in the command's output and in problem documents. Codes are stable: one
that has been released keeps its meaning. The status is the one that the HTTP API answers with. Written by
\`node scripts/write-references.ts\` from \`packages/contract/src/codes.ts\`.

| Code | HTTP | What | What to do |
|---|---|---|---|
${rows.join("\n")}
`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
