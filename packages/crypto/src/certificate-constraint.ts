import type { Certificate } from "./certificate.ts";

/**
 * What a certificate must say for its holder to be a functionary of a step: an item of in-toto-golang's
 * `cert_constraints` (ITE-7; in-toto.md 1.7). `*` alone allows anything; nothing, or the empty text alone, asks for an
 * attribute that is absent; otherwise the values of the certificate must be exactly these, in any order.
 */
export interface CertificateConstraint {
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  readonly organizations: readonly string[];
  /** Labels of the layout's roots, one of which must anchor the certificate; `*` alone is any of them. */
  readonly roots: readonly string[];
  readonly uris: readonly string[];
}

/** The attribute that failed, as metadata names it, with what was expected and found in words. */
export interface UnmetConstraint {
  readonly attribute: string;
  readonly expected: string;
  readonly found: string;
}

const ANY = "*";
const NOTHING = "nothing";
const MAX_LISTED = 8;

/**
 * Why a certificate does not meet a constraint, or undefined when it does.
 *
 * in-toto-golang compares `roots` with all the roots of the layout, so that a step cannot be left to one of two
 * authorities. Here they are compared with those that vouch for this certificate.
 *
 * @param anchors what `anchorsOf` said of the certificate: with no anchor, no constraint is met
 */
export function unmetConstraint(
  constraint: CertificateConstraint,
  certificate: Certificate,
  anchors: readonly string[],
): UnmetConstraint | undefined {
  const { roots } = constraint;
  // First, because the names in a certificate mean nothing unless somebody trusted wrote them.
  if (anchors.length === 0 || (!isAny(roots) && !anchors.some((anchor) => roots.includes(anchor)))) {
    const expected = isAny(roots) ? "any root of the layout" : list(roots, " or ");
    return { attribute: "roots", expected, found: list(anchors, ", ") };
  }
  const attributes = [
    ["common_name", [constraint.commonName], certificate.commonNames],
    ["dns_names", constraint.dnsNames, certificate.dnsNames],
    ["emails", constraint.emails, certificate.emails],
    ["organizations", constraint.organizations, certificate.organizations],
    ["uris", constraint.uris, certificate.uris],
  ] as const;
  for (const [attribute, allowed, found] of attributes) {
    if (isAny(allowed)) continue;
    const expected = allowed.length === 1 && allowed[0] === "" ? [] : allowed;
    if (!isExactly(expected, found))
      return { attribute, expected: list(expected, ", "), found: list(found, ", ") };
  }
  return undefined;
}

function isAny(values: readonly string[]): boolean {
  return values.length === 1 && values[0] === ANY;
}

/** Twice the same value in the constraint is one; twice in the certificate is refused, as Go does. */
function isExactly(expected: readonly string[], found: readonly string[]): boolean {
  const missing = new Set(expected);
  return found.every((value) => missing.delete(value)) && missing.size === 0;
}

/** Values for a message: quoted, because strangers choose them, and not too many. */
function list(values: readonly string[], separator: string): string {
  if (values.length === 0) return NOTHING;
  const listed = values
    .slice(0, MAX_LISTED)
    .map((value) => JSON.stringify(value.length > 120 ? `${value.slice(0, 120)}…` : value));
  return (values.length > MAX_LISTED ? [...listed, "…"] : listed).join(separator);
}
