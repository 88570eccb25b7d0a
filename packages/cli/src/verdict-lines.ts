import type { StepTrace } from "@stemma/in-toto";
import type { Verdict } from "@stemma/lineage";
import { adviceFor } from "./advice.ts";
import { type Line, styled } from "./output.ts";
import { plural, short } from "./text.ts";
import { describeMoment } from "./time.ts";

/** A verdict for people: the decision, the reasons with what can be done about them, and the lineage as a tree. */
export function verdictLines(verdict: Verdict): readonly Line[] {
  const allowed = verdict.decision === "allow";
  return [
    [styled(allowed ? "good" : "bad", allowed ? "ALLOW" : "DENY"), "  ", styled("bold", verdict.digest)],
    ...verdict.reasons.flatMap(reasonLines),
    ...verdict.warnings.map(
      (warning): Line => [styled("warn", "  warning: "), `${warning.message} (${warning.code})`],
    ),
    ...treeLines(verdict),
    ...freshnessLines(verdict),
  ];
}

function reasonLines(reason: Verdict["reasons"][number]): Line[] {
  const lines: Line[] = [[styled("bad", `  ${reason.code}: `), reason.message]];
  const names = reason.artifacts ?? [];
  if (names.length > 0)
    lines.push(`    artifacts: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`);
  const advice = adviceFor(reason.code);
  if (advice !== undefined) lines.push([styled("dim", `    ${advice}`)]);
  return lines;
}

function treeLines(verdict: Verdict): Line[] {
  const { record, lineage } = verdict;
  if (record === undefined) return [];
  const lines: Line[] = [
    `  ${record.mediaType}, ${record.size} bytes, ${plural(record.evidence.length, "item")} of evidence`,
  ];
  if (lineage === undefined) return lines;
  const owners = lineage.layout?.signers.map((signer) => short(signer.keyId)).join(", ") ?? "";
  lines.push(["  └─ project ", styled("bold", verdict.project)]);
  lines.push(
    lineage.layout === undefined
      ? "     └─ layout: it could not be used"
      : `     └─ layout signed by ${owners}, holds until ${lineage.layout.expires}`,
  );
  for (const [index, step] of lineage.steps.entries()) {
    lines.push(...stepLines(step, index === lineage.steps.length - 1, lineage.products));
  }
  return lines;
}

function stepLines(step: StepTrace, last: boolean, products: readonly string[]): Line[] {
  const bar = last ? "   " : "│  ";
  const indent = "        ";
  const signed = step.functionaries.length;
  const lines: Line[] = [
    [
      `${indent}${last ? "└─" : "├─"} step `,
      styled("bold", step.name),
      `: ${signed} of ${plural(step.threshold, "signature")}`,
      signed < step.threshold ? styled("bad", " (not enough)") : "",
    ],
  ];
  for (const { keyId, fingerprint } of step.functionaries) {
    lines.push(`${indent}${bar}  signed by ${short(keyId)}, fingerprint ${short(fingerprint)}`);
  }
  if (signed === 0) return lines;
  lines.push(
    `${indent}${bar}  ${plural(step.materials.count, "material")} → ${plural(step.products.count, "product")}`,
  );
  if (step.command.length > 0) lines.push(`${indent}${bar}  ran: ${clip(step.command.join(" "))}`);
  if (last && products.length > 0)
    lines.push(`${indent}${bar}  made this artifact as ${products.join(", ")}`);
  return lines;
}

function freshnessLines(verdict: Verdict): Line[] {
  const { roles, validUntil } = verdict.freshness;
  const time = new Date(verdict.time);
  const versions = roles.map(({ role, version }) => `${role} ${version}`).join(", ");
  return [
    [styled("dim", `  as of ${verdict.time.slice(0, 19)}Z, root pinned at ${short(verdict.pinnedRoot)}`)],
    ...(versions === "" ? [] : [[styled("dim", `  rests on ${versions}`)]]),
    ...(validUntil === undefined
      ? []
      : [[styled("dim", `  holds no longer than ${describeMoment(new Date(validUntil), time)}`)]]),
  ];
}

function clip(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
