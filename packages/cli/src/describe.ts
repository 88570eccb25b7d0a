import type { KeyId, PublicKey } from "@stemma/crypto";
import {
  attributeText,
  digestTexts,
  type FunctionarySet,
  type Layout,
  type Link,
  ruleText,
  type Statement,
} from "@stemma/in-toto";
import type { Role, Root, Signed, Targets } from "@stemma/tuf";
import { functionaryWords } from "./functionary-words.ts";
import { type Line, styled } from "./output.ts";
import { plural, short } from "./text.ts";
import { describeMoment } from "./time.ts";

/**
 * What a document says, in a few lines and as plain data. Whoever signs sees this first, so it names everything that a
 * signature gives away: keys, thresholds, delegations, steps, expiry.
 */
export interface Description {
  readonly lines: readonly Line[];
  readonly document: Record<string, unknown>;
}

/** Describes TUF metadata. */
export function describeMetadata(signed: Signed, now: Date): Description {
  const head: Line = [styled("bold", `${signed.type} version ${signed.version}`)];
  const expires: Line = `  expires ${describeMoment(signed.expires, now)}`;
  const base = { type: signed.type, version: signed.version, expires: signed.expires };
  switch (signed.type) {
    case "root":
      return {
        lines: [head, expires, ...rootLines(signed)],
        document: { ...base, roles: rolesDocument(signed) },
      };
    case "targets":
      return {
        lines: [head, expires, ...targetsLines(signed)],
        document: { ...base, ...targetsDocument(signed) },
      };
    default:
      return { lines: [head, expires], document: base };
  }
}

function rootLines(root: Root): Line[] {
  return [...root.roles].map(([name, role]) => `  ${name.padEnd(10)} ${roleText(role, root.keys)}`);
}

/** `2 of 3 keys: a1b2 (ed25519), …`. A key that cannot be used is said to be unusable. */
function roleText(role: Role, keys: ReadonlyMap<KeyId, PublicKey>): string {
  const names = role.keyIds.map((id) => `${short(id)} (${keys.get(id)?.scheme ?? "unusable"})`);
  return `${role.threshold} of ${plural(role.keyIds.length, "key")}: ${names.join(", ")}`;
}

function rolesDocument(root: Root): Record<string, unknown> {
  return Object.fromEntries(
    [...root.roles].map(([name, role]) => [name, { threshold: role.threshold, keys: role.keyIds }]),
  );
}

function targetsLines(targets: Targets): Line[] {
  const { delegations } = targets;
  const lines: Line[] = [...targets.targets].map(
    ([path, file]) =>
      `  lists ${path}, ${file.length} bytes, sha256 ${short(file.hashes.get("sha256") ?? "none")}`,
  );
  for (const role of delegations?.roles ?? []) {
    const paths = role.paths ?? role.pathHashPrefixes ?? [];
    lines.push(
      `  delegates ${paths.join(", ")} to ${role.name}${role.terminating ? "" : " (not terminating)"}, ` +
        roleText(role, delegations?.keys ?? new Map()),
    );
  }
  const succinct = delegations?.succinct;
  if (succinct !== undefined) {
    lines.push(
      `  delegates to ${2 ** succinct.bitLength} bins ${succinct.namePrefix}-…, ${roleText(succinct, delegations?.keys ?? new Map())}`,
    );
  }
  return lines;
}

function targetsDocument(targets: Targets): Record<string, unknown> {
  return {
    targets: [...targets.targets].map(([path, { length, hashes }]) => ({ path, length, hashes })),
    delegations: (targets.delegations?.roles ?? []).map((role) => ({
      role: role.name,
      paths: role.paths,
      terminating: role.terminating,
      threshold: role.threshold,
      keys: role.keyIds,
    })),
  };
}

/** Describes an in-toto layout. */
export function describeLayout(layout: Layout, now: Date): Description {
  const lines: Line[] = [
    [styled("bold", `layout of ${plural(layout.steps.length, "step")}`)],
    `  expires ${describeMoment(layout.expires, now)}`,
  ];
  for (const step of layout.steps) {
    const attested = step.expectedPredicates.length > 0;
    lines.push(
      attested
        ? `  step ${step.name}, by attestations`
        : `  step ${step.name}: ${signersText(step, step.threshold)}`,
    );
    for (const expected of step.expectedPredicates) {
      lines.push(`    attested   ${expected.predicateType}: ${signersText(expected, expected.threshold)}`);
      for (const rule of expected.attributes) lines.push(`               ${attributeText(rule)}`);
    }
    for (const rule of step.expectedMaterials) lines.push(`    materials  ${ruleText(rule)}`);
    for (const rule of step.expectedProducts) lines.push(`    products   ${ruleText(rule)}`);
    if (step.expectedCommand.length > 0) lines.push(`    command    ${step.expectedCommand.join(" ")}`);
  }
  for (const inspection of layout.inspections)
    lines.push(`  inspection ${inspection.name}: ${inspection.run.join(" ")}`);
  for (const [label, { fingerprint }] of layout.authorities.roots)
    lines.push(`  root certificate ${label}, sha256 ${short(fingerprint)}`);
  return {
    lines,
    document: {
      type: "layout",
      expires: layout.expires,
      readme: layout.readme,
      steps: layout.steps.map((step) => ({
        name: step.name,
        threshold: step.threshold,
        keys: step.keyIds,
        functionaries: functionaryWords(step),
        attested: step.expectedPredicates.map((expected) => ({
          predicateType: expected.predicateType,
          threshold: expected.threshold,
          functionaries: functionaryWords(expected),
          attributes: expected.attributes.map(attributeText),
        })),
        expectedMaterials: step.expectedMaterials.map(ruleText),
        expectedProducts: step.expectedProducts.map(ruleText),
        expectedCommand: step.expectedCommand,
      })),
      inspections: layout.inspections.map(({ name }) => name),
    },
  };
}

/** `2 of 3: key a1b2 (ed25519), …`. */
function signersText(set: FunctionarySet, threshold: number): string {
  const who = functionaryWords(set);
  return `${threshold} of ${who.length}: ${who.join(", ")}`;
}

/** Describes an in-toto link. */
export function describeLink(link: Link): Description {
  return {
    lines: [
      [styled("bold", `link of step ${link.name}`)],
      `  command   ${link.command.length === 0 ? "none" : link.command.join(" ")}`,
      `  ${plural(link.materials.size, "material")}, ${plural(link.products.size, "product")}`,
      ...[...link.products].slice(0, 8).map(([name]) => `  product   ${name}`),
      ...(link.products.size > 8 ? [`  … and ${link.products.size - 8} more`] : []),
    ],
    document: {
      type: "link",
      step: link.name,
      command: link.command,
      materials: link.materials.size,
      products: link.products.size,
    },
  };
}

/** Subjects that a description names. */
const SHOWN_SUBJECTS = 8;

/** Describes a statement: its type, and what it is about. */
export function describeStatement({ predicateType, subjects, predicate }: Statement): Description {
  const named = subjects.map(({ name, uri, digest }) => ({
    name: name ?? uri,
    digests: digestTexts(digest),
  }));
  return {
    lines: [
      [styled("bold", `statement of type ${predicateType}`)],
      ...named
        .slice(0, SHOWN_SUBJECTS)
        .map(
          ({ name, digests }) => `  about     ${name === undefined ? "" : `${name}, `}${digests.join(", ")}`,
        ),
      ...(named.length > SHOWN_SUBJECTS ? [`  … and ${named.length - SHOWN_SUBJECTS} more`] : []),
      `  predicate ${predicate.size === 0 ? "none" : [...predicate.keys()].join(", ")}`,
    ],
    document: { type: "statement", predicateType, subjects: named },
  };
}
