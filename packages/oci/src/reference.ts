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
const REPOSITORY_PART = /^[a-z0-9]+(?:(?:\.|_|__|-{1,16})[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** Whether a text is a tag (distribution 1.1, "Pulling manifests"). No digest is one. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** Whether a host, with or without port, is this machine. */
export function isLoopbackHost(host: string): boolean {
  return /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])(?::\d{1,5})?$/.test(host);
}

/**
 * Reads a reference (OCI distribution 1.1, "Pull"). The host is always written out: no registry is assumed. With `bare`, a
 * repository alone is read too. Throws `bad_reference`.
 */
export function parseReference(text: string, options: { readonly bare?: boolean } = {}): Reference {
  const refuse = (why: string): OciError =>
    new OciError(
      "bad_reference",
      `"${text.slice(0, 200)}" ${why}; expected HOST/REPOSITORY:TAG or HOST/REPOSITORY@DIGEST.`,
    );
  const slash = text.indexOf("/");
  if (slash < 1 || text.length > 1_024) throw refuse("names no registry");
  const host = text.slice(0, slash);
  // Ports and numbers beyond their range have the form of a host, and name none.
  if (!HOST.test(host) || !URL.canParse(`https://${host}/`)) throw refuse("has a host that cannot be read");
  const { rest: name, tag, digest } = splitName(text.slice(slash + 1), refuse);
  if (name.length > 255 || !name.split("/").every((part) => REPOSITORY_PART.test(part))) {
    throw refuse("has a repository name that cannot be read");
  }
  if (tag === undefined && digest === undefined && options.bare !== true) {
    throw refuse("has neither a tag nor a digest");
  }
  return { host, repository: name, tag, digest };
}

/** Takes `:tag` and `@digest` off the end of a text. */
function splitName(
  text: string,
  refuse: (why: string) => OciError,
): { rest: string; tag: string | undefined; digest: Digest | undefined } {
  let rest = text;
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
  if (colon >= 0) rest = rest.slice(0, colon);
  if (tag !== undefined && !isTag(tag)) throw refuse("has a tag that cannot be read");
  return { rest, tag, digest };
}

/** A reference as it is written. */
export function referenceText({ host, repository, tag, digest }: Reference): string {
  const after = `${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
  return `${host}/${repository}${after}`;
}

/**
 * The tag under which a registry without the referrers API lists what refers to a digest (distribution 1.1, "Referrers Tag
 * Schema"). That of a sha512 is cut short, so look at the subject of what is listed.
 */
export function referrersTag(digest: Digest): string {
  const [algorithm = "", encoded = ""] = digest.split(":");
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`;
}
