import { ServiceError } from "@stemma/contract";
import { equalBytes, type Sha256Hex } from "@stemma/encoding";
import {
  createDomain,
  type Domain,
  enqueueMetadata,
  findDomain,
  insertTargetFiles,
  lockDomainName,
  type PoolClient,
  readHead,
  readWaiting,
  withTransaction,
} from "@stemma/store";
import type { Published } from "../domain/domains.ts";
import type { Context } from "../service.ts";
import { type Base, currentVersion, readBase } from "./base.ts";
import { checkUpload } from "./check.ts";
import type { FindFile, Warning } from "./project-files.ts";
import { documentsOf, type Upload } from "./uploads.ts";

/** What became of an upload: a change that waits for the signer, or nothing because all of it is published. */
export type Acceptance =
  | { readonly domain: Domain; readonly changeId: number; readonly warnings: readonly Warning[] }
  | { readonly domain: Domain; readonly changeId: undefined };

export interface AcceptOptions {
  /** The domain is made by this upload. */
  readonly creates: boolean;
  /** Runs in the accepting transaction, before and after the change is stored: for the ceremony that led here. */
  readonly within?: (client: PoolClient, changeId: number) => Promise<void>;
}

/** Uploads of one domain at most that are compared for a conflict while they wait. */
const WAITING_LOOKED_AT = 1_000;

/**
 * Verifies an upload against what is published and stores it as a change, in that order: nothing that does not verify is
 * ever stored. Should somebody publish in between, it is verified again. Throws the code of the first fault.
 */
export async function accept(
  context: Context,
  name: string,
  upload: Upload,
  options: AcceptOptions,
): Promise<Acceptance> {
  for (let attempt = 1; ; attempt += 1) {
    const published = await publishedOrNew(context, name, options.creates);
    const base = await readBase(context.pool, context.domains, published, upload);
    if (published !== undefined && isPublished(published, upload, base)) {
      return { domain: published.domain, changeId: undefined };
    }
    if (published !== undefined && options.creates) {
      throw new ServiceError("domain_exists", `The trust domain ${name} exists already, with another root.`);
    }
    const warnings = await checkUpload(base, upload, {
      time: context.clock(),
      findFile: fileFinder(context, published),
      thresholds: true,
    });
    const stored = await withTransaction(context.pool, (client) =>
      store(client, name, published, upload, options),
    );
    if (stored !== "overtaken") {
      context.metrics.accepted.inc({ kind: "metadata" });
      return { ...stored, warnings };
    }
    if (attempt === 5) {
      throw new ServiceError("version_conflict", "The domain is being published again and again; try again.");
    }
  }
}

/** The published state; undefined for a domain that this upload creates. Throws `unknown_domain`, `domain_exists`. */
export async function publishedOrNew(
  { domains, pool }: Context,
  name: string,
  creates: boolean,
): Promise<Published | undefined> {
  if (creates && (await findDomain(pool, name)) === undefined) return undefined;
  try {
    return await domains.published(name);
  } catch (error) {
    // A domain without a publish is as good as new, so that a first upload that the signer refused can be mended.
    const isNew = error instanceof ServiceError && error.code === "domain_not_published";
    if (creates && isNew) return undefined;
    throw error;
  }
}

/** Whether every document of an upload is published already, byte for byte: a request may be repeated. */
function isPublished(published: Published, upload: Upload, base: Base): boolean {
  return documentsOf(upload).every(({ role, metadata }) => {
    const current =
      role === "root" ? published.root : role === "targets" ? published.targets : base.projects.get(role);
    return current !== undefined && equalBytes(current.bytes, metadata.bytes);
  });
}

export function fileFinder({ domains }: Context, published: Published | undefined): FindFile {
  if (published === undefined) return async () => undefined;
  return async (sha256: Sha256Hex) => (await domains.files.target(published.domain.id, sha256))?.bytes;
}

type Stored = { readonly domain: Domain; readonly changeId: number };

/** Stores the change under the domain's lock; "overtaken" when the published state is no longer what was verified against. */
async function store(
  client: PoolClient,
  name: string,
  published: Published | undefined,
  upload: Upload,
  options: AcceptOptions,
): Promise<Stored | "overtaken"> {
  await lockDomainName(client, name);
  const domain =
    (await findDomain(client, name)) ?? (options.creates ? await createDomain(client, name) : undefined);
  if (domain === undefined) throw new ServiceError("unknown_domain", `There is no trust domain ${name}.`);
  const head = await readHead(client, domain.id);
  if ((head?.epoch ?? 0) !== (published?.head.epoch ?? 0)) return "overtaken";

  const documents = documentsOf(upload).map(({ role, metadata }) => ({
    role,
    version: metadata.signed.version,
    bytes: metadata.bytes,
  }));
  const waiting = await sameWaiting(client, domain, documents);
  if (waiting !== undefined) {
    await options.within?.(client, waiting);
    return { domain, changeId: waiting };
  }
  await insertTargetFiles(client, domain.id, [...upload.files.values()]);
  const changeId = await enqueueMetadata(client, domain.id, documents);
  await options.within?.(client, changeId);
  return { domain, changeId };
}

/**
 * The waiting change that is exactly this upload. Throws `version_conflict` when another body waits for a version of
 * the upload: whichever came first is published (N-73).
 */
async function sameWaiting(
  client: PoolClient,
  domain: Domain,
  documents: readonly { readonly role: string; readonly version: number; readonly bytes: Uint8Array }[],
): Promise<number | undefined> {
  for (const change of await readWaiting(client, domain.id, WAITING_LOOKED_AT)) {
    if (change.kind !== "metadata") continue;
    const shared = documents.filter((document) =>
      change.documents.some(({ role, version }) => role === document.role && version === document.version),
    );
    if (shared.length === 0) continue;
    const same =
      change.documents.length === documents.length &&
      documents.every((document) =>
        change.documents.some(
          ({ role, version, bytes }) =>
            role === document.role && version === document.version && equalBytes(bytes, document.bytes),
        ),
      );
    if (same) return change.id;
    throw new ServiceError(
      "version_conflict",
      `Another version ${shared[0]?.version} of ${shared[0]?.role} was accepted before and waits to be published.`,
    );
  }
  return undefined;
}

/** Whether every version of an upload is still to be published. */
export function isStale(base: Base, upload: Upload): boolean {
  return documentsOf(upload).some(
    ({ role, metadata }) => metadata.signed.version <= currentVersion(base, role),
  );
}
