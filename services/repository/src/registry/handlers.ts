import { isDomainName, ServiceError } from "@stemma/contract";
import { sha256 } from "@stemma/crypto";
import { type Digest, digestParts, parseDigest, type Sha256Hex } from "@stemma/encoding";
import { IMAGE_INDEX, IMAGE_MANIFEST, type Manifest } from "@stemma/image";
import { insertReferrerList, isReferrerBlob, readReferrer, readReferrerList } from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import { type Answer, bytesAnswer, type Caching, jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { REGISTRY_HEADERS } from "../http/problems.ts";
import { lookUp } from "../read/artifacts.ts";
import type { Context } from "../service.ts";
import { EMPTY, writeAttestations, writeList } from "./referrer.ts";

/**
 * The façade of a registry (OCI distribution 1.1): stock clients read the evidence of a digest here, whichever registry
 * served the image. The first segment of a name is the trust domain, and nothing depends on the rest of it.
 */
export function registryHandlers(
  context: Context,
): Pick<
  Handlers,
  "registryBase" | "registryReferrers" | "registryManifest" | "registryBlob" | "registryTags"
> {
  const { domains, pool, referrers } = context;

  /** All referrers of an artifact; empty when it is not on record. */
  async function allOf(published: Published, digest: Digest, signal: AbortSignal) {
    const record = (await lookUp(context, published, digest))?.record;
    if (record === undefined) return [];
    const { referrers: found, next } = await referrers.list(published, record, undefined, signal);
    if (next === undefined) return found;
    throw new ServiceError("not_ready", "The list of referrers is being made; try again shortly.");
  }

  function whileCurrent(published: Published): () => boolean {
    return () => domains.heads.isCurrent(published.domain.id, published.head.epoch);
  }

  /** Evidence, by the tags that clients without the referrers API, and cosign before version 3, look for. */
  async function byTag(published: Published, tag: string, signal: AbortSignal): Promise<Answer> {
    const [, hex, ending = ""] = /^sha256-([0-9a-f]{64})(\.att)?$/.exec(tag) ?? [];
    if (hex !== undefined) {
      const digest = parseDigest(`sha256:${hex}`);
      const tagged = taggedBy(await allOf(published, digest, signal)).find((item) => item.ending === ending);
      if (tagged !== undefined) {
        const name = sha256(tagged.bytes);
        await insertReferrerList(pool, published.domain.id, name, digest);
        return content(tagged.mediaType, tagged.bytes, name, "brief", whileCurrent(published));
      }
    }
    throw new ServiceError("unknown_manifest", "Nothing has this tag.");
  }

  async function byDigest(
    published: Published,
    digest: Digest,
    { isHead, signal }: { isHead: boolean; signal: AbortSignal },
  ): Promise<Answer> {
    const { algorithm, hex } = digestParts(digest);
    if (algorithm === "sha256") {
      const manifest = await readReferrer(pool, published.domain.id, hex);
      if (manifest !== undefined) {
        domains.files.checkBytes(`${published.domain.id} r ${hex}`, manifest, hex as Sha256Hex);
        return content(IMAGE_MANIFEST, manifest, hex, "immutable", () => true);
      }
      const subject = await readReferrerList(pool, published.domain.id, hex);
      const tagged = subject === undefined ? [] : taggedBy(await allOf(published, subject, signal));
      const found = tagged.find(({ bytes }) => sha256(bytes) === hex);
      if (found !== undefined) {
        return content(found.mediaType, found.bytes, hex, "immutable", whileCurrent(published));
      }
    }
    if (isHead) {
      const record = (await lookUp(context, published, digest))?.record;
      if (record !== undefined) return described(record.mediaType, digest, record.size);
    }
    throw new ServiceError(
      "unknown_manifest",
      "No referrer has this digest. Images are in their registries; here is what is recorded about them.",
    );
  }

  return {
    registryBase: () => ({ ...jsonAnswer(200, {}), headers: REGISTRY_HEADERS }),

    async registryReferrers({ params, query, signal }) {
      const published = await publishedOf(context, params.name);
      const digest = parseDigest(params.digest);
      const { artifactType } = query;
      const record = (await lookUp(context, published, digest))?.record;
      const { referrers: found, next } =
        record === undefined
          ? { referrers: [], next: undefined }
          : await referrers.list(published, record, query.after as Sha256Hex | undefined, signal);
      const shown =
        artifactType === undefined ? found : found.filter((item) => item.artifactType === artifactType);
      const list = writeList(shown);
      const answer = bytesAnswer(IMAGE_INDEX, list, "brief");
      return {
        ...answer,
        // A list that is not finished yet is finished by the next look at it.
        ...(next === undefined ? { keepWhile: whileCurrent(published) } : {}),
        headers: {
          ...REGISTRY_HEADERS,
          ...(artifactType === undefined ? {} : { "OCI-Filters-Applied": "artifactType" }),
          ...(next === undefined ? {} : { Link: linkTo(params.name, digest, artifactType, next) }),
        },
      };
    },

    async registryManifest({ params, isHead, signal }) {
      const published = await publishedOf(context, params.name);
      const { reference } = params;
      return reference.includes(":")
        ? byDigest(published, parseDigest(reference), { isHead, signal })
        : byTag(published, reference, signal);
    },

    async registryBlob({ params }) {
      const { domain } = await publishedOf(context, params.name);
      const { algorithm, hex } = digestParts(parseDigest(params.digest));
      if (algorithm === "sha256") {
        if (hex === sha256(EMPTY)) {
          return content("application/octet-stream", EMPTY, hex, "immutable");
        }
        const stored = (await isReferrerBlob(pool, domain.id, hex))
          ? await domains.files.evidence(domain.id, hex)
          : undefined;
        if (stored !== undefined) {
          // Kept once, by its digest, and not for each name under which it is asked for.
          return content("application/octet-stream", stored.bytes, hex, "immutable");
        }
      }
      throw new ServiceError("unknown_blob", "No referrer has a blob of this digest.");
    },

    async registryTags({ params }) {
      await publishedOf(context, params.name);
      return { ...jsonAnswer(200, { name: params.name, tags: [] }), headers: REGISTRY_HEADERS };
    },
  };
}

/** What is found by a tag that is made of an artifact's digest: an ending, and the document. */
function taggedBy(
  found: readonly Manifest[],
): readonly { readonly ending: string; readonly mediaType: string; readonly bytes: Uint8Array }[] {
  if (found.length === 0) return [];
  const attestations = writeAttestations(found);
  return [
    { ending: "", mediaType: IMAGE_INDEX, bytes: writeList(found) },
    ...(attestations === undefined
      ? []
      : [{ ending: ".att", mediaType: IMAGE_MANIFEST, bytes: attestations }]),
  ];
}

/** Names of repositories (distribution 1.1, "Pulling manifests"). Two hyphens and more are one separator there. */
const SEGMENT = /^[a-z0-9]+(?:(?:\.|_|__|-{1,63})[a-z0-9]+)*$/;
const MAX_NAME = 255;

/** The domain that a name begins with. Throws `bad_repository_name`, `unknown_domain`. */
async function publishedOf({ domains }: Context, name: string): Promise<Published> {
  const segments = name.split("/");
  const [first = ""] = segments;
  if (name.length > MAX_NAME || !segments.every((segment) => SEGMENT.test(segment))) {
    throw new ServiceError(
      "bad_repository_name",
      `A name has segments of lower-case letters and digits, and at most ${MAX_NAME} characters.`,
    );
  }
  const unknown = `The name must begin with that of a trust domain; there is none that is called ${first}.`;
  if (!isDomainName(first)) throw new ServiceError("unknown_domain", unknown);
  try {
    return await domains.published(first);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    // Clients of registries know no "not yet".
    if (error.code !== "unknown_domain" && error.code !== "domain_not_published") throw error;
    throw new ServiceError("unknown_domain", unknown);
  }
}

function content(
  mediaType: string,
  bytes: Uint8Array,
  hex: string,
  cache: Caching,
  keepWhile?: () => boolean,
): Answer {
  return {
    ...bytesAnswer(mediaType, bytes, cache, { sha256: hex, ...(keepWhile && { keepWhile }) }),
    verbatim: true,
    headers: { ...REGISTRY_HEADERS, "Docker-Content-Digest": `sha256:${hex}` },
  };
}

/** What HEAD tells of an artifact that is on record: the descriptor that the record signs. */
function described(mediaType: string, digest: Digest, size: number): Answer {
  return {
    status: 200,
    mediaType,
    body: Buffer.alloc(0),
    length: size,
    cache: "brief",
    headers: { ...REGISTRY_HEADERS, "Docker-Content-Digest": digest },
  };
}

/** The next page, relative to the origin: the service does not know the name by which it is called (RFC 8288). */
function linkTo(name: string, digest: Digest, artifactType: string | undefined, after: Sha256Hex): string {
  const query = new URLSearchParams({ ...(artifactType === undefined ? {} : { artifactType }), after });
  return `</v2/${name}/referrers/${digest}?${query}>; rel="next"`;
}
