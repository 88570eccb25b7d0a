import { randomUUID } from "node:crypto";
import { type CeremonyAnswer, LIMITS, ServiceError } from "@stemma/contract";
import { asKeyId, type KeyId, sha256 } from "@stemma/crypto";
import { decodeHex, encodeBase64, equalBytes } from "@stemma/encoding";
import {
  addSignatures,
  type Ceremony,
  finishCeremony,
  insertCeremony,
  listCeremonies,
  lockDomainName,
  openCeremonies,
  type PoolClient,
  readCeremony,
  readCeremonyFiles,
  withTransaction,
} from "@stemma/store";
import { assemble, keysOf, type Metadata, signatureStatus, TufError } from "@stemma/tuf";
import { type Answer, jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";
import { accept, fileFinder, isStale, publishedOrNew } from "./accept.ts";
import { type Base, readBase, signingGroups } from "./base.ts";
import { checkUpload, checkVersion } from "./check.ts";
import { answerChange } from "./outcome.ts";
import { documentsOf, readUpload, sortOut, type Upload } from "./uploads.ts";

/**
 * Ceremonies: new versions that collect signatures from people who never meet. The service shows the exact bytes to sign,
 * verifies each signature when it arrives, and accepts the change when every threshold is met. Nothing but signatures
 * decides: a draft needs one of somebody who may sign, and a ceremony goes on after any interruption.
 */
export function ceremonyHandlers(
  context: Context,
): Pick<
  Handlers,
  "createDomainCeremony" | "createCeremony" | "listCeremonies" | "showCeremony" | "signCeremony"
> {
  return {
    createDomainCeremony: ({ body }) => open(context, body.name, readUpload(body), true),
    createCeremony: ({ params, body }) => open(context, params.domain, readUpload(body), false),

    async listCeremonies({ params }) {
      const found = await listCeremonies(context.pool, params.domain, LIMITS.pageSize);
      if (found.length === 0) await context.domains.find(params.domain);
      const ceremonies = [];
      for (const ceremony of found) {
        const { state } = await examine(context, ceremony);
        ceremonies.push({
          ceremony: ceremony.id,
          state,
          createdAt: ceremony.createdAt.toISOString(),
          expiresAt: ceremony.expiresAt.toISOString(),
          roles: ceremony.roles.map(({ role, version }) => ({ role, version })),
        });
      }
      return jsonAnswer(200, { ceremonies });
    },

    async showCeremony({ params }) {
      const ceremony = await find(context, params.domain, params.ceremony);
      return jsonAnswer(200, describe(await examine(context, ceremony)));
    },

    async signCeremony({ params, body, query, signal }) {
      const ceremony = await find(context, params.domain, params.ceremony);
      const examined = await examine(context, ceremony);
      refuseClosed(examined);
      const signatures = body.signatures.map(({ role, keyid, sig }) => ({
        role,
        keyId: asKeyId(keyid, "keyid"),
        signature: decodeHex(sig),
      }));
      for (const signature of signatures) checkSignature(examined, signature);
      await withTransaction(context.pool, (client) => addSignatures(client, ceremony.id, signatures));
      return finishIfMet(context, params.domain, ceremony.id, 200, {
        wait: query.wait === "published",
        signal,
      });
    },
  };
}

/** A ceremony in the light of what is published now. */
interface Examined {
  readonly ceremony: Ceremony;
  readonly state: CeremonyAnswer["state"];
  readonly base: Base;
  /** The documents with the signatures collected so far. */
  readonly upload: Upload;
}

async function find({ pool }: Context, domain: string, id: string): Promise<Ceremony> {
  const ceremony = await readCeremony(pool, domain, id);
  if (ceremony === undefined) {
    throw new ServiceError("unknown_ceremony", `There is no ceremony ${id} of the domain ${domain}.`);
  }
  return ceremony;
}

async function examine(context: Context, ceremony: Ceremony): Promise<Examined> {
  const documents = new Map<string, Uint8Array>();
  const draft = sortOut(new Map(ceremony.roles.map(({ role, document }) => [role, document])), []);
  const collected = new Map(ceremony.roles.map(({ role, signatures }) => [role, signatures]));
  for (const { role, metadata } of documentsOf(draft)) {
    const signatures = (collected.get(role) ?? []).map(({ keyId, signature }) => ({
      keyId: keyId as KeyId,
      signature,
    }));
    documents.set(role, assemble(metadata.signed.raw, signatures));
  }
  const files = await readCeremonyFiles(context.pool, ceremony.id);
  const upload = sortOut(documents, files);
  const published = await publishedOrNew(context, ceremony.domain, ceremony.createsDomain);
  const base = await readBase(context.pool, context.domains, published, upload);
  const state =
    ceremony.changeId !== undefined
      ? "accepted"
      : ceremony.expiresAt <= context.clock()
        ? "expired"
        : isStale(base, upload)
          ? "stale"
          : "open";
  return { ceremony, state, base, upload };
}

function refuseClosed({ state, ceremony }: Examined): void {
  if (state === "open") return;
  if (state === "stale") {
    throw new ServiceError(
      "stale_draft",
      "A version of this draft was published some other way; begin again from what is published now.",
    );
  }
  throw new ServiceError("ceremony_closed", `The ceremony ${ceremony.id} is ${state}.`);
}

/** A signature counts when its key may sign the role and made it over exactly these bytes. */
function checkSignature(
  { base, upload }: Examined,
  { role, keyId, signature }: { role: string; keyId: KeyId; signature: Uint8Array },
): void {
  const document = documentsOf(upload).find((candidate) => candidate.role === role);
  const keys = signingGroups(base, upload, role)
    .map((group) => keysOf(group.role, group.keys).get(keyId))
    .filter((key) => key !== undefined);
  if (document === undefined || keys.length === 0) {
    throw new ServiceError(
      "key_not_authorized",
      `The key ${keyId} may not sign the role ${role} in this ceremony.`,
    );
  }
  if (!keys.some((key) => key.verify(document.metadata.signedBytes, signature))) {
    throw new ServiceError(
      "signature_invalid",
      `The signature by ${keyId} does not verify over the bytes of ${role} that this ceremony shows.`,
    );
  }
}

/** The valid signatures of a draft, of those who may sign it. Throws `no_valid_signature` for a role without any. */
function validSignatures(base: Base, upload: Upload, role: string, metadata: Metadata) {
  const groups = signingGroups(base, upload, role);
  if (groups.length === 0)
    throw new TufError("not_delegated", `targets does not delegate to a project ${role}.`);
  const valid = new Set(
    groups.flatMap((group) => {
      const keys = keysOf(group.role, group.keys);
      return signatureStatus(metadata.signedBytes, metadata.signatures, group.role, keys).signed;
    }),
  );
  if (valid.size === 0) {
    throw new ServiceError("no_valid_signature", `Nobody who may sign ${role} has signed this draft.`);
  }
  return metadata.signatures.filter(({ keyId }) => valid.has(keyId)).map((entry) => ({ role, ...entry }));
}

async function open(context: Context, domain: string, upload: Upload, creates: boolean): Promise<Answer> {
  const published = await publishedOrNew(context, domain, creates);
  if (creates && published !== undefined) {
    throw new ServiceError("domain_exists", `The trust domain ${domain} exists already.`);
  }
  const base = await readBase(context.pool, context.domains, published, upload);
  for (const { role, metadata } of documentsOf(upload)) checkVersion(base, role, metadata);
  const signatures = documentsOf(upload).flatMap(({ role, metadata }) =>
    validSignatures(base, upload, role, metadata),
  );
  // Placeholders and foreign signatures stay behind: only the content and what counts is kept.
  const documents = new Map(
    documentsOf(upload).map(({ role, metadata }) => [
      role,
      assemble(
        metadata.signed.raw,
        signatures.filter((signature) => signature.role === role),
      ),
    ]),
  );
  const draft = sortOut(documents, [...upload.files.values()]);
  await checkUpload(base, draft, {
    time: context.clock(),
    findFile: fileFinder(context, published),
    thresholds: false,
  });
  const { id, isNew } = await withTransaction(context.pool, (client) =>
    store(context, client, { domain, creates, draft, signatures, base }),
  );
  return finishIfMet(context, domain, id, isNew ? 201 : 200, undefined);
}

interface Draft {
  readonly domain: string;
  readonly creates: boolean;
  readonly draft: Upload;
  readonly signatures: readonly { role: string; keyId: KeyId; signature: Uint8Array }[];
  readonly base: Base;
}

/** Stores a draft, or adds its signatures to the open ceremony about the very same documents. */
async function store(
  context: Context,
  client: PoolClient,
  { domain, creates, draft, signatures, base }: Draft,
): Promise<{ id: string; isNew: boolean }> {
  await lockDomainName(client, domain);
  const now = context.clock();
  const others = (await openCeremonies(client, domain, now)).filter((other) => !isStaleNow(base, other));
  for (const other of others) {
    const standing = compare(other, draft);
    if (standing === "apart") continue;
    if (standing === "conflict") {
      throw new ServiceError(
        "draft_conflict",
        `The ceremony ${other.id} is open about another body for the same role and version.`,
      );
    }
    await addSignatures(client, other.id, signatures);
    return { id: other.id, isNew: false };
  }
  if (others.length >= LIMITS.openCeremonies) {
    throw new ServiceError("too_many_ceremonies", `${domain} has ${others.length} open ceremonies.`);
  }
  const id = randomUUID();
  await insertCeremony(client, {
    id,
    domain,
    createsDomain: creates,
    expiresAt: new Date(now.getTime() + LIMITS.ceremonyDays * 86_400_000),
    roles: documentsOf(draft).map(({ role, metadata }) => ({
      role,
      version: metadata.signed.version,
      document: metadata.bytes,
    })),
    files: [...draft.files.values()],
  });
  await addSignatures(client, id, signatures);
  return { id, isNew: true };
}

function isStaleNow(base: Base, ceremony: Ceremony): boolean {
  const upload = sortOut(new Map(ceremony.roles.map(({ role, document }) => [role, document])), []);
  return isStale(base, upload);
}

function compare(ceremony: Ceremony, draft: Upload): "same" | "conflict" | "apart" {
  const documents = documentsOf(draft);
  const open = documentsOf(
    sortOut(new Map(ceremony.roles.map(({ role, document }) => [role, document])), []),
  );
  const shared = documents.filter(({ role, metadata }) =>
    open.some((other) => other.role === role && other.metadata.signed.version === metadata.signed.version),
  );
  if (shared.length === 0) return "apart";
  const same =
    open.length === documents.length &&
    documents.every(({ role, metadata }) =>
      open.some(
        (other) => other.role === role && equalBytes(other.metadata.signedBytes, metadata.signedBytes),
      ),
    );
  return same ? "same" : "conflict";
}

/** Accepts the change when every threshold is met, and answers with the ceremony as it stands then. */
async function finishIfMet(
  context: Context,
  domain: string,
  id: string,
  status: number,
  options: { readonly wait: boolean; readonly signal: AbortSignal } | undefined,
): Promise<Answer> {
  const examined = await examine(context, await find(context, domain, id));
  if (examined.state !== "open" || !isMet(examined)) return jsonAnswer(status, describe(examined));
  const accepted = await accept(context, domain, examined.upload, {
    creates: examined.ceremony.createsDomain,
    within: async (client, changeId) => {
      await finishCeremony(client, id, changeId);
    },
  });
  if (options?.wait === true && accepted.changeId !== undefined) {
    const answer = await answerChange(context, accepted.domain, accepted.changeId, options);
    return jsonAnswer(answer.status, describe(await examine(context, await find(context, domain, id))));
  }
  return jsonAnswer(202, describe(await examine(context, await find(context, domain, id))));
}

function isMet({ base, upload }: Examined): boolean {
  return documentsOf(upload).every(({ role, metadata }) =>
    signingGroups(base, upload, role).every(
      (group) =>
        signatureStatus(metadata.signedBytes, metadata.signatures, group.role, keysOf(group.role, group.keys))
          .met,
    ),
  );
}

function describe({ ceremony, state, base, upload }: Examined): CeremonyAnswer {
  return {
    ceremony: ceremony.id,
    domain: ceremony.domain,
    state,
    createdAt: ceremony.createdAt.toISOString(),
    expiresAt: ceremony.expiresAt.toISOString(),
    ...(ceremony.changeId === undefined ? {} : { change: String(ceremony.changeId) }),
    roles: documentsOf(upload).map(({ role, metadata }) => ({
      role,
      version: metadata.signed.version,
      bytesToSign: encodeBase64(metadata.signedBytes),
      sha256: sha256(metadata.signedBytes),
      groups: signingGroups(base, upload, role).map((group) => {
        const keys = keysOf(group.role, group.keys);
        const found = signatureStatus(metadata.signedBytes, metadata.signatures, group.role, keys);
        return {
          of: group.of,
          threshold: found.threshold,
          signed: [...found.signed],
          missing: [...found.missing],
          met: found.met,
        };
      }),
    })),
  };
}
