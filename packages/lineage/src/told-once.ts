import type { Ancestry } from "./ancestry.ts";
import type { Verdict } from "./verdict.ts";

/**
 * A verdict in which each verdict below is told of once, where it comes first; elsewhere its decision has to do. They may rest
 * on each other in many ways, and written out in each of them, a hundred would make a document without end.
 */
export function toldOnce(verdict: Verdict): Verdict {
  if (verdict.ancestry === undefined) return verdict;
  const told = new Set<Verdict>();
  const tell = <T extends { readonly verdict: Verdict | undefined }>(one: T): T => {
    const { verdict: below } = one;
    if (below === undefined) return one;
    if (told.has(below)) return { ...one, verdict: undefined };
    told.add(below);
    return { ...one, verdict: visit(below) };
  };
  const visit = (one: Verdict): Verdict => {
    if (one.ancestry === undefined) return one;
    const { relatives, bases, dependencies } = one.ancestry;
    const ancestry: Ancestry = {
      ...one.ancestry,
      relatives: relatives.map(tell),
      bases: bases.map(tell),
      dependencies: dependencies.map(tell),
    };
    return { ...one, ancestry };
  };
  return visit(verdict);
}
