import type { Digest } from "@stemma/encoding";
import type { AttachedKind } from "@stemma/image";
import { type Line, type Outcome, type Style, styled } from "../output.ts";
import { plural } from "../text.ts";
import type { RegistryEvidence } from "./find.ts";
import type { Row } from "./offer.ts";

const KINDS: Readonly<Record<AttachedKind, string>> = {
  "sigstore-bundle": "Sigstore bundle",
  dsse: "DSSE envelope",
  link: "in-toto link",
  layout: "in-toto layout",
  "cosign-signature": "cosign signature",
  "notation-signature": "notation signature",
  "unsigned-statement": "unsigned statement",
  other: "something else",
};

const STYLES: Readonly<Record<Row["outcome"], Style>> = {
  recorded: "good",
  "on record": "good",
  waiting: "good",
  refused: "bad",
  unsigned: "warn",
  "not judged": "dim",
  unreadable: "bad",
  "about another": "warn",
};

/**
 * What a registry had and what became of it, as one table. The exit code is 0 when something is on record now, and 1 when
 * nothing is.
 */
export function reportRegistryEvidence(
  place: string,
  evidence: RegistryEvidence,
  rows: readonly Row[],
): Outcome {
  const onRecord = rows.filter(({ outcome }) => STYLES[outcome] === "good").length;
  const lines: Line[] = [
    [
      styled(onRecord > 0 ? "good" : "warn", `${onRecord} of ${plural(rows.length, "item")} on record`),
      `, attached to ${plural(evidence.subjects.length, "manifest")} in ${place}`,
    ],
  ];
  for (const { document, role } of evidence.subjects) {
    const of = rows.filter(({ subject }) => subject === document.digest);
    lines.push([styled("bold", document.digest), role === undefined ? "" : `  ${role}`]);
    if (of.length === 0) lines.push([styled("dim", "  nothing")]);
    for (const row of of) lines.push(...linesOf(row));
  }
  for (const why of evidence.leftOut) lines.push([styled("warn", "left out: "), why]);
  return {
    code: onRecord > 0 ? 0 : 1,
    document: {
      place,
      digest: evidence.root.digest,
      onRecord,
      subjects: evidence.subjects.map(({ document, role }) => ({
        digest: document.digest,
        mediaType: document.mediaType,
        size: document.bytes.length,
        role,
        items: rows.filter(({ subject }) => subject === document.digest).map(itemOf),
      })),
      leftOut: evidence.leftOut,
    },
    lines,
  };
}

const WIDTH = { outcome: 15, kind: 20, place: 14 };

function linesOf(row: Row): Line[] {
  const { outcome, found, predicateType, code, why } = row;
  const first: Line = [
    "  ",
    styled(STYLES[outcome], outcome.padEnd(WIDTH.outcome)),
    KINDS[found.kind].padEnd(WIDTH.kind),
    found.place.padEnd(WIDTH.place),
    predicateType ?? found.blob.mediaType,
  ];
  if (why === undefined) return [first];
  const indent = " ".repeat(WIDTH.outcome + 2);
  return [first, [styled("dim", `${indent}${why}${code === undefined ? "" : ` (${code})`}`)]];
}

function itemOf({ outcome, found, predicateType, code, why }: Row): {
  readonly evidence: Digest;
  readonly [member: string]: unknown;
} {
  return {
    outcome,
    kind: found.kind,
    place: found.place,
    evidence: found.blob.digest,
    manifest: found.manifest,
    mediaType: found.blob.mediaType,
    predicateType,
    code,
    why,
  };
}
