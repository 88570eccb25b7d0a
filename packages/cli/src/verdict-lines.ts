import type { InspectionTrace, Reason, SignerTrace, StepTrace } from "@stemma/in-toto";
import type { Verdict } from "@stemma/lineage";
import { adviceFor } from "./advice.ts";
import { branchesLines } from "./lineage-lines.ts";
import { lineageTree } from "./lineage-tree.ts";
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
    ...ancestryLines(verdict),
    ...freshnessLines(verdict),
  ];
}

function reasonLines(reason: Reason): Line[] {
  const lines: Line[] = [[styled("bad", `  ${reason.code}: `), reason.message]];
  const names = reason.artifacts ?? [];
  if (names.length > 0)
    lines.push(`    artifacts: ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", …" : ""}`);
  const who = reason.functionaries ?? [];
  if (who.length > 0) {
    lines.push(`    who may sign: ${who.slice(0, 4).map(shortKey).join("; ")}${who.length > 4 ? "; …" : ""}`);
  }
  const advice = reason.advice ?? adviceFor(reason.code);
  if (advice !== undefined) lines.push([styled("dim", `    ${advice}`)]);
  return lines;
}

/** Key ids are 64 digits; the first ones are what people compare. */
function shortKey(words: string): string {
  return words.replace(/^key ([0-9a-f]{64})/, (_, id: string) => `key ${short(id)}`);
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
  lines.push(...stepsLines(lineage.steps, lineage.inspections ?? [], lineage.products, "        "));
  const { setAside } = lineage;
  for (const item of setAside.slice(0, MAX_ASIDE)) {
    lines.push([styled("dim", `     set aside ${short(item.sha256)}: ${item.message} (${item.code})`)]);
  }
  if (setAside.length > MAX_ASIDE) {
    lines.push([styled("dim", `     and ${setAside.length - MAX_ASIDE} more were set aside`)]);
  }
  return lines;
}

/** What it rests on beyond its own layout, where anybody demands that. */
function ancestryLines(verdict: Verdict): readonly Line[] {
  const tree = lineageTree(verdict);
  return tree.branches.length === 0 ? [] : ["  rests on", ...branchesLines(tree, "  ")];
}

const MAX_ASIDE = 8;

function stepsLines(
  steps: readonly StepTrace[],
  inspections: readonly InspectionTrace[],
  products: readonly string[],
  indent: string,
): Line[] {
  const all = steps.length + inspections.length;
  return [
    ...steps.flatMap((step, index) =>
      stepLines(step, index === all - 1, index === steps.length - 1 ? products : [], indent),
    ),
    ...inspections.map(
      ({ name, run }, index): Line => [
        `${indent}${index === inspections.length - 1 ? "└─" : "├─"} inspection `,
        styled("bold", name),
        `: ${clip(run.join(" "))}`,
      ],
    ),
  ];
}

function stepLines(step: StepTrace, last: boolean, products: readonly string[], indent: string): Line[] {
  const bar = `${indent}${last ? "   " : "│  "}`;
  const signed = step.functionaries.length;
  const lines: Line[] = [
    [
      `${indent}${last ? "└─" : "├─"} step `,
      styled("bold", step.name),
      `: ${signed} of ${plural(step.threshold, "signature")}`,
      signed < step.threshold ? styled("bad", " (not enough)") : "",
    ],
  ];
  for (const signer of step.functionaries) lines.push(`${bar}  signed by ${signerText(signer)}`);
  for (const { predicateType, functionaries } of step.attestations ?? []) {
    lines.push(`${bar}  attested ${predicateType} by ${functionaries.map(signerText).join("; ")}`);
  }
  if (signed === 0) return lines;
  lines.push(
    `${bar}  ${plural(step.materials.count, "material")} → ${plural(step.products.count, "product")}`,
  );
  if (step.command.length > 0) lines.push(`${bar}  ran: ${clip(step.command.join(" "))}`);
  if (products.length > 0) lines.push(`${bar}  made this artifact as ${products.join(", ")}`);
  for (const { sha256, steps } of step.sublayouts ?? []) {
    lines.push(`${bar}  by a sublayout (${short(sha256)}):`);
    lines.push(...stepsLines(steps, [], [], `${bar}    `));
  }
  return lines;
}

/** A key by its id and fingerprint, others by who they are and who says so. */
function signerText({ kind, keyId, fingerprint, name, issuer, anchors }: SignerTrace): string {
  if (kind === "sigstore") return `${name ?? ""} of ${issuer ?? ""}`;
  if (kind === "certificate")
    return `the certificate of ${name ?? ""}, under ${(anchors ?? []).map(short).join(", ")}`;
  return `${short(keyId)}, fingerprint ${short(fingerprint)}`;
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
