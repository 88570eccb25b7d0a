import type { Digest } from "@stemma/encoding";
import {
  type Descriptor,
  describeDocument,
  EMPTY_CONFIG,
  IMAGE_INDEX,
  ImageError,
  readDocument,
  writeIndex,
} from "@stemma/image";
import type { Document } from "./content-store.ts";
import { OciError } from "./error.ts";
import { type Answer, discard } from "./exchange.ts";
import { referrersTag } from "./reference.ts";
import type { Transport } from "./transport.ts";
import { readManifestBytes } from "./verified.ts";

const MAX_PAGES = 64;
const MAX_REFERRERS = 4_096;
/** Answers by which a registry says that it is out of order for now, rather than that it knows no referrers. */
const BUSY = new Set([408, 429, 502, 503, 504]);

/**
 * The referrers of a digest as the registry's API lists them (distribution 1.1, "Listing Referrers"), all pages; undefined
 * when it has no such API. Only a clean 200 with an index, from the registry itself, counts as one: some registries redirect
 * these requests elsewhere, or answer with a page for people.
 *
 * @throws OciError too_many_referrers, registry_refused (busy, a page that fails, a page elsewhere), registry_unreachable
 */
export async function listByApi(
  transport: Transport,
  subject: Digest,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  let at = transport.locate(`referrers/${subject}`);
  for (;;) {
    seen.add(at.href);
    const asked = await ask(transport, at, seen.size === 1);
    if (asked === undefined) return undefined;
    const { answer, bytes } = asked;
    if (BUSY.has(answer.status)) throw await transport.refusal(answer, "the request for referrers");
    if (bytes === undefined) {
      if (seen.size > 1) throw await transport.refusal(answer, "the request for a further page of referrers");
      discard(answer);
      return undefined;
    }
    found.push(...entriesOf(readDocument(bytes)));
    const next = nextPage(transport, answer);
    if (found.length > MAX_REFERRERS || (next !== undefined && seen.size >= MAX_PAGES)) {
      throw tooMany(transport.place, subject);
    }
    if (next === undefined || seen.has(next.href)) return found;
    at = next;
  }
}

/** A registry may refuse everybody what it does not know. Whoever really lacks a login is told so when the tag is read. */
async function ask(
  transport: Transport,
  path: URL,
  mayBeUnknown: boolean,
): Promise<{ readonly answer: Answer; readonly bytes: Uint8Array | undefined } | undefined> {
  const request = { path, headers: { accept: IMAGE_INDEX } };
  try {
    return await transport.fetch(request, async (answer) =>
      isIndex(answer) ? readManifestBytes(answer.body) : undefined,
    );
  } catch (error) {
    const refused = error instanceof OciError && error.code === "registry_login_refused";
    if (refused && mayBeUnknown) return undefined;
    throw error;
  }
}

function isIndex({ headers }: Answer): boolean {
  return (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() === IMAGE_INDEX;
}

/**
 * Those of one type. This is never left to a registry: one that filters by what it takes for the type hides what is asked
 * for, and one that lists the config's type for all, as some do, does so here. What it lists as of no type stays, since its
 * own document may say more.
 */
export function ofType(list: readonly Descriptor[], artifactType: string | undefined): readonly Descriptor[] {
  if (artifactType === undefined) return list;
  return list.filter((entry) => [artifactType, EMPTY_CONFIG, undefined].includes(entry.artifactType));
}

export function tooMany(place: string, subject: Digest): OciError {
  return new OciError(
    "too_many_referrers",
    `${place} lists more than ${MAX_REFERRERS} referrers of ${subject}, or pages without end.`,
  );
}

/** The entries of an index. Throws `bad_manifest` for what is none. */
export function entriesOf(document: Document): readonly Descriptor[] {
  if (document.kind === "index") return document.manifests;
  throw new ImageError("bad_manifest", "A list of referrers must be an index, and this is a manifest.");
}

/** `Link: <…>; rel="next"` (RFC 8288), on the registry's own host. */
function nextPage(transport: Transport, { headers, url }: Answer): URL | undefined {
  const link = headers.link;
  const text = Array.isArray(link) ? link.join(", ") : link;
  if (text === undefined || text.length > 8_192) return undefined;
  const target = /^\s{0,8}<([^<>]{1,4096})>[^<>]*;\s{0,8}rel="?next"?/i.exec(text)?.[1];
  return target === undefined ? undefined : transport.locate(target, url);
}

/**
 * The list of referrers under the tag of a subject, with one more in it (distribution 1.1, "Pushing Manifests with
 * Subject"); undefined when it is in it already. What else the list says stays.
 */
export function withReferrer(
  before: Document | undefined,
  added: Document,
): { readonly tag: string; readonly bytes: Uint8Array } | undefined {
  if (added.subject === undefined) return undefined;
  const entries = before === undefined ? [] : entriesOf(before);
  if (entries.some(({ digest }) => digest === added.digest)) return undefined;
  return {
    tag: referrersTag(added.subject.digest),
    bytes: writeIndex({
      manifests: [...entries, describeDocument(added)],
      annotations: before?.annotations,
    }),
  };
}
