import { type ChangeAnswer, LIMITS } from "@stemma/contract";
import { type Digest, encodeBase64 } from "@stemma/encoding";
import { type ContentStore, OciError, readWholeBlob } from "@stemma/oci";
import { callServer, type DomainOptions, domainOf } from "../api.ts";
import { throwIfRefused } from "../ceremony.ts";
import { contentsOf, contentsWith } from "../contents.ts";
import { ServerProblem } from "../error.ts";
import { progress } from "../output.ts";
import type { Found, RegistryEvidence, Subject } from "./find.ts";
import { judgeBytes, judgeKind, type Offered, type Rejected, type SetAside } from "./judge.ts";

/** What became of one attached thing, for one subject. */
export interface Row {
  readonly found: Found;
  /** What it is about; what it is attached to when it was not offered. */
  readonly subject: Digest;
  readonly outcome: "recorded" | "on record" | "waiting" | "refused" | SetAside;
  /** As the signed statement says; what an annotation says when nobody signed it. */
  readonly predicateType: string | undefined;
  readonly code?: string;
  readonly why?: string;
}

export interface OfferOptions extends DomainOptions {
  readonly project: string;
  readonly wait: boolean;
}

/** What may be evidence, as it was received. */
interface Offer extends Offered {
  readonly found: Found;
  readonly bytes: Uint8Array;
}

/** Refusals that would be those of every other item as well. */
const OF_ALL: ReadonlySet<string> = new Set([
  "unknown_domain",
  "domain_not_published",
  "project_unknown",
  "layout_missing",
  "layout_unusable",
]);

/**
 * Reads what is attached, checks it by its digest, and offers each piece that may be evidence to the service, which takes
 * what a functionary signed. One piece at a time: what is wrong with one is no reason against another.
 *
 * Throws what goes for the registry and for the service as a whole.
 */
export async function offerEvidence(
  store: ContentStore,
  evidence: RegistryEvidence,
  options: OfferOptions,
): Promise<readonly Row[]> {
  const digests = evidence.subjects.map(({ document }) => document.digest);
  const rows: Row[] = [];
  const sent = new Set<string>();
  const known = new Map<Digest, ReadonlyMap<Digest, Uint8Array>>();
  const offer = async (item: Offer) => {
    for (const subject of evidence.subjects) {
      const { digest } = subject.document;
      const key = `${digest} ${item.found.blob.digest}`;
      // The same piece is often attached in several ways.
      if (!item.about.includes(digest) || sent.has(key)) continue;
      sent.add(key);
      const contents = known.get(digest) ?? (await contentsOf(store, digest));
      known.set(digest, contents);
      rows.push(await send(item, subject, contentsWith(digest, contents, item.bytes), options));
    }
  };
  const links: Found[] = [];
  for (const [at, found] of evidence.found.entries()) {
    progress(`Looking at ${at + 1} of ${evidence.found.length}…`);
    const judged = judgeKind(found.kind) ?? (await judgeBlob(store, found, digests));
    if ("setAside" in judged) rows.push(setAside(found, judged));
    else if (judged.isLink) links.push(found);
    else await offer(judged);
  }
  // Read again rather than kept: one piece at a time is in memory.
  for (const found of links) {
    const judged = await judgeBlob(store, found, digests);
    if ("setAside" in judged) rows.push(setAside(found, judged));
    else await offer(judged);
  }
  return rows;
}

async function judgeBlob(
  store: ContentStore,
  found: Found,
  subjects: readonly Digest[],
): Promise<Offer | Rejected> {
  let bytes: Uint8Array;
  try {
    bytes = await readWholeBlob(store, found.blob, LIMITS.evidenceBytes);
  } catch (error) {
    const broken =
      error instanceof OciError && (error.code === "blob_missing" || error.code === "blob_digest_mismatch");
    if (!broken) throw error;
    return { setAside: "unreadable", why: error.message, code: error.code };
  }
  const judged = judgeBytes(bytes, found, subjects);
  return "setAside" in judged ? judged : { ...judged, found, bytes };
}

function setAside(found: Found, judged: Rejected): Row {
  const { setAside: outcome, why, code, predicateType = found.predicateType } = judged;
  return { found, subject: found.of, outcome, predicateType, why, ...(code === undefined ? {} : { code }) };
}

async function send(
  { found, bytes, predicateType }: Offer,
  { document }: Subject,
  contents: readonly Uint8Array[],
  options: OfferOptions,
): Promise<Row> {
  const { digest, mediaType, artifactType } = document;
  const row = { found, subject: digest, predicateType };
  try {
    const { body: change, status } = await callServer<ChangeAnswer>(options, "recordArtifact", {
      params: { domain: domainOf(options), digest },
      query: { wait: options.wait ? "published" : undefined },
      body: {
        descriptor: {
          mediaType,
          size: document.bytes.length,
          ...(artifactType === undefined ? {} : { artifactType }),
        },
        project: options.project,
        evidence: [encodeBase64(bytes)],
        contents: contents.map(encodeBase64),
      },
    });
    throwIfRefused(change);
    if (status === 200) return { ...row, outcome: "on record" };
    return { ...row, outcome: change.outcome === "published" ? "recorded" : "waiting" };
  } catch (error) {
    if (!(error instanceof ServerProblem) || isOfAll(error)) throw error;
    return { ...row, outcome: "refused", code: error.code, why: error.message };
  }
}

function isOfAll({ code, status }: ServerProblem): boolean {
  return OF_ALL.has(code) || status >= 500 || status === 429 || status === 408;
}
