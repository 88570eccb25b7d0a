import type { LineagePolicy, Origin, PlatformChoice } from "@stemma/lineage";
import type { Line } from "./output.ts";
import { plural } from "./text.ts";

const PLATFORMS: Readonly<Record<PlatformChoice, string>> = {
  itself: "Whatever digest is asked about must satisfy the layout itself.",
  index: "The index must satisfy the layout; a platform is as good as an index that lists it.",
  platform: "Every platform must satisfy the layout; an index is as good as all that it lists.",
  either: "The digest must satisfy the layout, or an index that lists it, or all that it lists.",
  both: "Platforms and the index that lists them must both satisfy the layout.",
};

/** What a lineage policy demands, in plain words. */
export function policyLines({ platforms, bases, dependencies }: LineagePolicy): readonly Line[] {
  return [
    PLATFORMS[platforms],
    ...(bases === undefined ? [] : baseLines(bases)),
    ...dependencies.map(
      ({ pattern, grade, from }): Line =>
        grade === "claimed"
          ? `Provenance must list a dependency like ${pattern}.`
          : `Provenance must list a dependency like ${pattern}, and every such one must be proven by ${origins(from)}.`,
    ),
  ];
}

function baseLines({ grade, from, depth }: NonNullable<LineagePolicy["bases"]>): readonly Line[] {
  if (grade === "claimed") return ["Every image must say, or its provenance, what it is built upon."];
  if (grade === "contained") {
    return ["The layers of every image must begin with exactly those of a base that is named."];
  }
  return [
    `The layers of every image must begin with exactly those of a base that is proven by ${origins(from)}.`,
    ...(depth === 1
      ? []
      : [`The same holds for the base of that base, over ${plural(depth, "level")} in all.`]),
  ];
}

function origins(from: readonly Origin[]): string {
  return from
    .map(({ project, domain, foundation }) => {
      const where = domain === undefined ? project : `${project} of the trust domain ${domain}`;
      return foundation ? `${where} (which may be the lowest)` : where;
    })
    .join(", or ");
}
