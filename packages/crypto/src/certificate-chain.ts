import type { Certificate } from "./certificate.ts";
import type { Purpose } from "./certificate-extensions.ts";

const MAX_INTERMEDIATES = 16;
/** Signatures that one search verifies at most: authorities that share a name could otherwise ask for any number. */
const MAX_SIGNATURES = 256;

/** An end of a chain that grows from the leaf: the last certificate, and what every one so far can be for. */
interface Link {
  readonly certificate: Certificate;
  readonly purposes: readonly Purpose[];
}

/**
 * Which of the roots anchor the leaf, by their labels and in their order: each through a chain of given intermediates
 * that holds at `time` (RFC 5280 6.1; in-toto.md 1.7). Empty when nobody that is trusted vouches for the leaf.
 *
 * Every certificate of the chain, the root included, must hold at that time, and every issuer must be a CA within its
 * path length whose key may sign certificates. The leaf's key must be one that may sign messages. Where there are
 * extended key usages, one purpose must be common to all. A root is trusted by its bytes: its own issuer is not asked.
 */
export function anchorsOf(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  roots: ReadonlyMap<string, Certificate>,
  time: Date,
): readonly string[] {
  if (!holdsAt(leaf, time) || !leaf.signsMessages) return [];
  const anchors = new Set<string>();
  // A certificate that is reached again, by a longer way and for the same purposes, leads nowhere new: loops end.
  const reached = new Set<string>();
  let signatures = 0;

  const isSigned = ({ certificate }: Link, issuer: Certificate): boolean => {
    signatures += 1;
    return signatures <= MAX_SIGNATURES && certificate.isSignedBy(issuer);
  };

  let ends: Link[] = [{ certificate: leaf, purposes: leaf.purposes }];
  for (let between = 0; between <= MAX_INTERMEDIATES && ends.length > 0; between += 1) {
    const longer: Link[] = [];
    for (const end of ends) {
      for (const [label, root] of roots) {
        if (anchors.has(label) || extend(end, root, between, time) === undefined) continue;
        if (isSigned(end, root)) anchors.add(label);
      }
      for (const intermediate of intermediates) {
        const link = extend(end, intermediate, between, time);
        if (link === undefined || reached.has(keyOf(link)) || !isSigned(end, intermediate)) continue;
        reached.add(keyOf(link));
        longer.push(link);
      }
    }
    ends = longer;
  }
  return [...roots.keys()].filter((label) => anchors.has(label));
}

/**
 * The chain with one more certificate, signature aside, or undefined where that one cannot have issued its end.
 * `between` certificates stand between it and the leaf, self-issued ones counted.
 */
function extend(end: Link, issuer: Certificate, between: number, time: Date): Link | undefined {
  const { subjectName, isCa, signsCertificates, pathLength } = issuer;
  if (subjectName !== end.certificate.issuerName || !isCa || !signsCertificates) return undefined;
  if ((pathLength !== undefined && between > pathLength) || !holdsAt(issuer, time)) return undefined;
  const purposes = end.purposes.filter((purpose) => issuer.purposes.includes(purpose));
  return purposes.length === 0 ? undefined : { certificate: issuer, purposes };
}

/** Both bounds are included (RFC 5280 4.1.2.5). A time that is none lies within no bounds. */
function holdsAt({ notBefore, notAfter }: Certificate, time: Date): boolean {
  return notBefore <= time && time <= notAfter;
}

function keyOf({ certificate, purposes }: Link): string {
  return `${certificate.fingerprint} ${purposes.join(" ")}`;
}
