import type { ArtifactListTrace, Reason, RuleTrace, SignerTrace, StepTrace } from "@stemma/in-toto";
import type { Trial } from "@stemma/lineage";
import { adviceFor } from "./advice.ts";
import { type Line, styled } from "./output.ts";
import { plural, short } from "./text.ts";
import { clip, fit, widthOf } from "./text-width.ts";

const NAMES = 3;
const NAME_COLUMNS = 32;
const RULE_COLUMNS = 44;

/** A trial for people: what came of it and why, then step by step what stands for it and what each rule did. */
export function trialLines(trial: Trial): readonly Line[] {
  const { lineage, reasons } = trial;
  const tried = lineage?.steps.some(({ rules }) => rules.length > 0) === true;
  return [
    [
      trial.satisfied ? styled("good", "SATISFIED") : styled("bad", "NOT SATISFIED"),
      "  ",
      styled("bold", trial.digest),
    ],
    trial.draft
      ? [
          styled("warn", "  A trial of a draft: "),
          "whether the project's owners signed it was not looked at, and nothing was decided.",
        ]
      : ["  A trial of the published layout; stemma verify is what decides."],
    ...reasons.flatMap(reasonLines),
    ...trial.warnings.map(
      ({ code, message }): Line => [styled("warn", "  warning: "), `${message} (${code})`],
    ),
    ...(lineage?.steps ?? []).flatMap((step) => stepLines(step, reasons)),
    ...(lineage === undefined || tried || lineage.steps.length === 0
      ? []
      : ["", [styled("dim", whyUntried(reasons))] as const]),
    ...asideLines(trial),
  ];
}

/** Why no rule was tried: an inspection that nobody carried out stands before the rules, as missing evidence does. */
function whyUntried(reasons: readonly Reason[]): string {
  return reasons.some(({ code }) => code === "unsupported_inspection")
    ? "Inspections are not carried out here, nor rules tried behind them: try a draft without inspections (--layout)."
    : "Rules are tried once there is evidence for every step.";
}

function reasonLines(reason: Reason): Line[] {
  const advice = reason.advice ?? adviceFor(reason.code);
  const lines: Line[] = [[styled("bad", `  ${reason.code}: `), reason.message]];
  if (reason.expected !== undefined) lines.push(`    expected  ${reason.expected}`);
  if (reason.found !== undefined) lines.push(`    found     ${reason.found}`);
  if (advice !== undefined) lines.push([styled("dim", `    ${advice}`)]);
  return lines;
}

function stepLines(step: StepTrace, reasons: readonly Reason[]): Line[] {
  const signed = step.functionaries.length;
  return [
    "",
    [
      styled("bold", `Step ${step.name}`),
      `: ${signed} of ${plural(step.threshold, "signature")}`,
      signed < step.threshold ? styled("bad", " (not enough)") : "",
    ],
    ...step.functionaries.map((signer): Line => `  signed by ${signerText(signer)}`),
    ...evidenceLines(step),
    ...listLines(step, "materials", reasons),
    ...listLines(step, "products", reasons),
  ];
}

function signerText({ keyId, kind, name, issuer }: SignerTrace): string {
  if (kind === "sigstore") return `${name ?? ""} (identity of ${issuer ?? ""})`;
  return kind === "certificate" ? `the certificate of ${name ?? ""}` : `key ${short(keyId)}`;
}

function evidenceLines({ links, attestations = [], sublayouts = [] }: StepTrace): Line[] {
  const types = new Map(attestations.map(({ sha256, predicateType }) => [sha256, predicateType]));
  const layouts = new Set(sublayouts.map(({ sha256 }) => sha256));
  const all = new Set([...links, ...types.keys()]);
  return [...all].map((sha256) => {
    const what = types.get(sha256) ?? (layouts.has(sha256) ? "a layout of its own" : "a link");
    return `  evidence ${short(sha256)}, ${what}`;
  });
}

/** The rules of one list: what each took, what it left, and which one failed. */
function listLines(step: StepTrace, list: RuleTrace["list"], reasons: readonly Reason[]): Line[] {
  const artifacts = step[list];
  const rules = step.rules.filter((rule) => rule.list === list);
  const failed = reasons.find(({ step: name, ruleList }) => name === step.name && ruleList === list);
  const queue = new Queue(artifacts);
  return [
    `  ${plural(artifacts.count, list.slice(0, -1))}${artifacts.count === 0 ? "" : `: ${namesText(queue.left, artifacts.count)}`}`,
    ...rules.map((rule): Line => {
      queue.take(rule);
      const took =
        rule.consumedCount === 0 ? "takes nothing" : `takes ${namesText(rule.consumed, rule.consumedCount)}`;
      const left = rule.left === 0 ? "leaves nothing" : `leaves ${namesText(queue.left, rule.left)}`;
      return [`    ${ruleColumn(rule.text)}  ${took}`, styled("dim", `; ${left}`)];
    }),
    ...(failed?.rule === undefined
      ? []
      : [
          [
            `    ${ruleColumn(failed.rule)}  `,
            styled("bad", `fails for ${namesText(failed.artifacts ?? [], failed.artifacts?.length ?? 0)}`),
          ],
        ]),
  ];
}

/** What is left of a list of artifacts, as long as all of their names are known. */
class Queue {
  left: readonly string[];
  #known: boolean;

  constructor({ count, entries }: ArtifactListTrace) {
    this.#known = count === entries.length;
    this.left = entries.map(({ name }) => name);
  }

  take({ consumed, consumedCount }: RuleTrace): void {
    this.#known &&= consumed.length === consumedCount;
    const taken = new Set(consumed);
    this.left = this.#known ? this.left.filter((name) => !taken.has(name)) : [];
  }
}

function ruleColumn(text: string): string {
  return widthOf(text) <= RULE_COLUMNS ? fit(text, RULE_COLUMNS) : text;
}

/** `3: a, b and 1 more`. */
function namesText(names: readonly string[], count: number): string {
  const shown = names.slice(0, NAMES).map((name) => clip(name, NAME_COLUMNS));
  const more = count - shown.length;
  if (shown.length === 0) return String(count);
  return `${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function asideLines({ lineage }: Trial): Line[] {
  const aside = lineage?.setAside ?? [];
  if (aside.length === 0) return [];
  return [
    "",
    [styled("bold", "Evidence that was set aside")],
    ...aside.map(
      ({ sha256, step, message, code }): Line =>
        `  ${short(sha256)}${step === undefined ? "" : `, step ${step}`}: ${message} (${code})`,
    ),
  ];
}
