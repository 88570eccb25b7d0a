import type { TufCode } from "../../src/index.ts";

/** One comparison of Stemma with tuf-js that came out differently. */
export interface Difference {
  /** What was done to an honest document or repository. */
  readonly name: string;
  /** "accepted" or the code of the refusal. */
  readonly ours: string;
  /** "accepted" or the message of the refusal. */
  readonly theirs: string;
}

/**
 * A known divergence from stock tuf-js 6. Each is a row of docs/divergences.md, section TUF. It covers a difference when
 * all of its patterns match; one that covers none any more has to go.
 */
export interface Divergence {
  readonly id: string;
  readonly what: string;
  readonly stemma: string;
  readonly tufJs: string;
  readonly why: string;
  readonly ours: readonly (TufCode | "accepted")[];
  readonly theirs?: RegExp;
  readonly name: RegExp;
}

export const DIVERGENCES: readonly Divergence[] = [
  {
    id: "T-01",
    what: "Version below 1, written as 1.0 or 1e0, or beyond 2^53",
    stemma: "refuses (`bad_number`)",
    tufJs: "accepts; rounds beyond 2^53",
    why: "TUF 4.3: an integer above 0. Two readers must not see two versions.",
    ours: ["bad_number"],
    name: /number|version=|length=/,
  },
  {
    id: "T-02",
    what: "A date that is not `YYYY-MM-DDTHH:MM:SSZ`, or that is no real moment",
    stemma: "refuses (`bad_expires`)",
    tufJs: "takes what `Date` takes",
    why: "A lenient date can mean never, or another time in another zone.",
    ours: ["bad_expires"],
    name: /expires/,
  },
  {
    id: "T-03",
    what: "`spec_version` with blanks, leading zeros or empty parts",
    stemma: "refuses (`unsupported_spec_version`)",
    tufJs: "accepts what converts to a number",
    why: "The grammar is fixed, so that no reader guesses.",
    ours: ["unsupported_spec_version"],
    name: /spec_version/,
  },
  {
    id: "T-04",
    what: "A member twice in one object",
    stemma: "refuses (`duplicate_member`)",
    tufJs: "the last one wins",
    why: "Readers differ on which one counts: what one verifies another does not read.",
    ours: ["duplicate_member"],
    name: /duplicate member/,
  },
  {
    id: "T-05",
    what: "Bytes that are not UTF-8, lone surrogates",
    stemma: "refuses (`bad_utf8`, `bad_json`)",
    tufJs: "replaces them by U+FFFD",
    why: "Different bytes would become the same text.",
    ours: ["bad_utf8", "bad_json"],
    name: /bytes:/,
  },
  {
    id: "T-06",
    what: "Nesting deeper than 32, more than 64 signatures, 64 keys of a role, 1,000 patterns of a role, patterns beyond 256 characters",
    stemma: "refuses (`too_deep`, `limit_exceeded`)",
    tufJs: "has no limit",
    why: "Cost is bounded before any signature is checked.",
    ours: ["too_deep", "limit_exceeded"],
    name: /limit/,
  },
  {
    id: "T-07",
    what: "A signature in upper-case hex, or with junk behind it",
    stemma: "does not count (`threshold_not_met`)",
    tufJs: "reads up to the first bad character",
    why: "One signature has one spelling.",
    ours: ["threshold_not_met"],
    name: /signature hex/,
  },
  {
    id: "T-08",
    what: "One public key under two key ids, threshold 2",
    stemma: "counts once (`threshold_not_met`)",
    tufJs: "counts twice",
    why: "A threshold is about people; key ids are labels (TUF 4.2.1, GHSA-3633-5h82-39pq).",
    ours: ["threshold_not_met"],
    name: /two key ids/,
  },
  {
    id: "T-09",
    what: "An ed25519 key with another scheme, or in upper-case hex or PEM; an ed25519 point of small order; RSA below 2048 bits",
    stemma: "never counts (`threshold_not_met`)",
    tufJs: "verifies with it",
    why: "The key fixes the algorithm, and weak keys verify forgeries.",
    ours: ["threshold_not_met"],
    name: /scheme=|key:/,
  },
  {
    id: "T-10",
    what: "A key object that cannot be read at all",
    stemma: "never counts; the document stands when others signed",
    tufJs: "refuses the document",
    why: "A new key type must not lock out clients that do not know it yet; python-tuf and go-tuf agree for unknown types.",
    ours: ["accepted"],
    theirs: /keytype must be|scheme must be|keyval must be|keys must be an object|keys is malformed/,
    name: /keys/,
  },
  {
    id: "T-11",
    what: "An empty key id",
    stemma: "refuses (`bad_key_id`)",
    tufJs: "accepts",
    why: "A label has 1 to 256 printable characters.",
    ours: ["bad_key_id"],
    name: /keyids/,
  },
  {
    id: "T-12",
    what: "`hashes` that is an array; `custom` that is no object",
    stemma: "refuses (`wrong_type`)",
    tufJs: "accepts, and checks nothing or hides it",
    why: "TUF 4.4, 4.5: objects.",
    ours: ["wrong_type"],
    name: /hashes=|custom=/,
  },
  {
    id: "T-13",
    what: "Delegations without roles and succinct_roles or with both; a role with neither paths nor path_hash_prefixes; an empty role name",
    stemma: "refuses (`bad_delegation`, `bad_role_name`)",
    tufJs: "accepts",
    why: "TUF 4.5: exactly one of them; readers differ on what the others mean.",
    ours: ["bad_delegation", "bad_role_name"],
    name: /delegations/,
  },
  {
    id: "T-14",
    what: "path_hash_prefixes that are empty, upper-case or not hex",
    stemma: "refuses (`bad_prefix`)",
    tufJs: "accepts; the empty one delegates everything",
    why: "TUF 4.5: hex digits.",
    ours: ["bad_prefix"],
    name: /path_hash_prefixes/,
  },
  {
    id: "T-15",
    what: "Root without `consistent_snapshot`",
    stemma: "takes it for false",
    tufJs: "refuses",
    why: "Repositories older than TUF 1.0 lack it; python-tuf reads them too. Stemma publishes it always.",
    ours: ["accepted"],
    theirs: /consistent_snapshot/,
    name: /consistent_snapshot/,
  },
  {
    id: "T-16",
    what: "Names that are integers or members of `Object.prototype`",
    stemma: "are names like any other, in the order of the document",
    tufJs: "reorders integers, and the signature fails; stumbles over `__proto__` and `constructor`",
    why: "Names come from input and are kept in Maps.",
    ours: ["accepted"],
    name: / name: /,
  },
  {
    id: "T-17",
    what: "Names whose order differs between code points and UTF-16; integers beyond 2^53 inside `custom`",
    stemma: "verifies",
    tufJs: "computes other bytes, and the signature fails",
    why: "Canonical JSON sorts by code point and keeps integers exact; Stemma does not publish such names (`not_canonical_roundtrip`).",
    ours: ["accepted"],
    name: /^canonical:|custom\..*="\d{17,}"/,
  },
  {
    id: "T-18",
    what: "A path pattern with `{ } ! # ( ) + @ \\` or `**`, an unclosed or odd `[ ]`, or a wildcard before a leading dot, an empty segment or a character beyond the basic plane",
    stemma: "means what Python's `fnmatch` makes of it",
    tufJs: "means what minimatch makes of it, and can take minutes",
    why: "TUF 4.5 names shell wildcards; python-tuf is the reference. Stemma does not publish patterns that readers differ on (`bad_pattern`).",
    ours: ["accepted"],
    name: /^pattern:/,
  },
  {
    id: "T-19",
    what: "Only the snapshot keys were rotated, after its version had been run up",
    stemma: "forgets the remembered snapshot version (TUF 5.3.11)",
    tufJs: "refuses until the timestamp key is rotated too",
    why: "The specification's recovery names either key.",
    ours: ["accepted"],
    name: /^history: snapshot keys rotated/,
  },
  {
    id: "T-20",
    what: "A length in snapshot or timestamp above the role's cap",
    stemma: "the smaller of the two is the limit (`too_large`)",
    tufJs: "the signed length replaces the cap",
    why: "An online key must not be able to lift a limit.",
    ours: ["too_large"],
    name: /^history: length above the cap/,
  },
  {
    id: "T-21",
    what: "A target listed without sha256 and sha512",
    stemma: "refuses to name it (`no_strong_digest`)",
    tufJs: "names it; an empty list of digests checks nothing",
    why: "Any bytes of the right length would pass.",
    ours: ["no_strong_digest"],
    name: /^history: target/,
  },
  {
    id: "T-22",
    what: "`meta` with a digest of an unknown algorithm beside a sha256 that agrees",
    stemma: "accepts",
    tufJs: "refuses",
    why: "A digest that agrees suffices; a new algorithm must be introducible.",
    ours: ["accepted"],
    name: /^history: unknown digest beside/,
  },
];
