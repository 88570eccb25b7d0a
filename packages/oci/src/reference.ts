import { type Digest, EncodingError, parseDigest } from "@stemma/encoding";
import { OciError } from "./error.ts";

/** A place in a registry: `host[:port]/repository[:tag][@digest]`. */
export interface Reference {
  readonly host: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[0-9a-fA-F:]{2,45}\])(?::[0-9]{1,5})?$/;
const REPOSITORY_PART = /^[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Reads a reference (OCI distribution 1.1, "Pull"). The host is always written out: no registry is assumed.
 * Throws `bad_reference`.
 */
export function parseReference(text: string): Reference {
  const refuse = (why: string): OciError =>
    new OciError(
      "bad_reference",
      `"${text.slice(0, 200)}" ${why}; expected HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.`,
    );
  const slash = text.indexOf("/");
  if (slash < 1 || text.length > 1_024) throw refuse("names no registry");
  const host = text.slice(0, slash);
  if (!HOST.test(host)) throw refuse("has a host that cannot be read");
  let rest = text.slice(slash + 1);

  let digest: Digest | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    try {
      digest = parseDigest(rest.slice(at + 1));
    } catch (error) {
      if (error instanceof EncodingError) throw refuse("has a digest that cannot be read");
      throw error;
    }
    rest = rest.slice(0, at);
  }
  const colon = rest.indexOf(":");
  const tag = colon >= 0 ? rest.slice(colon + 1) : undefined;
  const repository = colon >= 0 ? rest.slice(0, colon) : rest;
  if (tag !== undefined && !TAG.test(tag)) throw refuse("has a tag that cannot be read");
  if (repository.length > 255 || !repository.split("/").every((part) => REPOSITORY_PART.test(part))) {
    throw refuse("has a repository name that cannot be read");
  }
  if (tag === undefined && digest === undefined) throw refuse("has neither a tag nor a digest");
  return { host, repository, tag, digest };
}
