import {
  asArray,
  asInteger,
  asObject,
  asString,
  type Digest,
  member,
  parseDigest,
  parseJson,
} from "@stemma/encoding";
import { LineageError } from "./error.ts";

/**
 * A project: a delegated targets role of a trust domain, owned by a team. Its name is the role's name, and its
 * targets live below `projects/<name>/`.
 */
const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const RESERVED: ReadonlySet<string> = new Set([
  "root",
  "timestamp",
  "snapshot",
  "targets",
  "artifacts",
  "recent",
  "shelf",
  "archive",
]);

/** Reads a project's name. Throws `bad_project_name` for names of other roles and for other alphabets. */
export function asProjectName(text: string): string {
  if (!NAME.test(text) || RESERVED.has(text) || text.startsWith("bin-")) {
    throw new LineageError(
      "bad_project_name",
      "A project's name has 1 to 63 characters of a-z, 0-9 and -, begins with a letter, and is no role's name.",
    );
  }
  return text;
}

/** The pattern of the paths that a project is trusted with. */
export function projectPaths(project: string): string {
  return `projects/${project}/*`;
}

/** The target path of a project's in-toto layout. */
export function layoutPath(project: string): string {
  return `projects/${project}/layout.json`;
}

/** The target path of a project's list of revoked artifacts. */
export function revocationsPath(project: string): string {
  return `projects/${project}/revocations.json`;
}

/** The name under which Sigstore's own clients look for the roots of trust in a TUF repository. */
export const TRUSTED_ROOT = "trusted_root.json";

/** The target path of the Sigstore roots that a project trusts; without it, the domain's own `trusted_root.json` holds. */
export function trustedRootPath(project: string): string {
  return `projects/${project}/${TRUSTED_ROOT}`;
}

/** One artifact that a project no longer stands for. */
export interface Revocation {
  readonly digest: Digest;
  readonly reason: string;
  /** RFC 3339, as the owners wrote it. Informative: a revoked artifact is denied at every time. */
  readonly since: string;
}

const MAX_REVOCATIONS = 50_000;

/**
 * Reads a project's revocations: `{"_type": "stemma-revocations", "version": 1, "revoked": [...]}`. Negative facts
 * are signed by the project and never carried by online metadata alone. Unknown members are refused: a revocation
 * that is misread is a revocation that is lost. Throws `bad_revocations`, or EncodingError.
 */
export function readRevocations(bytes: Uint8Array): ReadonlyMap<Digest, Revocation> {
  const file = asObject(parseJson(bytes), "revocations");
  if (member(file, "_type", "revocations") !== "stemma-revocations") {
    throw new LineageError("bad_revocations", 'A revocations file has "_type": "stemma-revocations".');
  }
  if (asInteger(member(file, "version", "revocations"), "revocations.version") !== 1) {
    throw new LineageError("bad_revocations", "Only version 1 of the revocations file is known.");
  }
  const list = asArray(member(file, "revoked", "revocations"), "revocations.revoked");
  if (file.size !== 3 || list.length > MAX_REVOCATIONS) {
    throw new LineageError(
      "bad_revocations",
      `A revocations file has three members and at most ${MAX_REVOCATIONS} entries.`,
    );
  }
  const revoked = new Map<Digest, Revocation>();
  for (const [index, item] of list.entries()) {
    const where = `revocations.revoked[${index}]`;
    const entry = asObject(item, where);
    const digest = parseDigest(asString(member(entry, "digest", where), `${where}.digest`));
    const reason = asString(member(entry, "reason", where), `${where}.reason`);
    const since = asString(member(entry, "since", where), `${where}.since`);
    if (entry.size !== 3)
      throw new LineageError("bad_revocations", `${where} has members that are not known.`);
    revoked.set(digest, { digest, reason, since });
  }
  return revoked;
}
