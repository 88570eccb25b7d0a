import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { type Digest, parseDigest, type Sha256Hex, utf8 } from "@stemma/encoding";
import {
  createDomain,
  enqueueMetadata,
  enqueueRecord,
  insertTargetFiles,
  type NewMetadata,
  type Pool,
  type RecordChange,
  withTransaction,
} from "@stemma/store";
import {
  type DelegatedRoleInput,
  rootPayload,
  signPayload,
  type TargetFile,
  targetsPayload,
} from "@stemma/tuf";

export function newSigner(): Signer {
  return signerFromPem(generatePrivateKey("ed25519"));
}

/** The people of a domain, and what they sign. Versions are given by the caller, so that wrong ones can be made. */
export class Owners {
  readonly root = [newSigner(), newSigner(), newSigner()];
  readonly targets = [newSigner(), newSigner()];
  readonly app = [newSigner(), newSigner()];
  online: Signer;
  /** Far enough for every injected clock. */
  readonly expires = new Date("2035-01-01T00:00:00Z");

  constructor(online: Signer) {
    this.online = online;
  }

  async rootMetadata(
    version: number,
    signers: readonly Signer[] = this.root.slice(0, 2),
  ): Promise<NewMetadata> {
    const online = { keys: [this.online.publicKey], threshold: 1 };
    const payload = rootPayload({
      version,
      expires: this.expires,
      roles: {
        root: { keys: this.root.map(({ publicKey }) => publicKey), threshold: 2 },
        targets: { keys: this.targets.map(({ publicKey }) => publicKey), threshold: 2 },
        timestamp: online,
        snapshot: online,
      },
    });
    return { role: "root", version, bytes: await signPayload(payload, signers) };
  }

  async targetsMetadata(
    version: number,
    options: {
      signers?: readonly Signer[];
      projects?: readonly string[];
      expires?: Date;
      /** Changes the delegations as they would be. */
      reshape?: (roles: readonly DelegatedRoleInput[]) => readonly DelegatedRoleInput[];
    } = {},
  ): Promise<NewMetadata> {
    const projects: DelegatedRoleInput[] = (options.projects ?? ["app"]).map((name) => ({
      name,
      keys: this.app.map(({ publicKey }) => publicKey),
      threshold: 2,
      terminating: true,
      paths: [`projects/${name}/*`],
    }));
    const artifacts: DelegatedRoleInput = {
      name: "artifacts",
      keys: [this.online.publicKey],
      threshold: 1,
      terminating: true,
      paths: ["sha256/*", "sha512/*"],
    };
    const payload = targetsPayload({
      version,
      expires: options.expires ?? this.expires,
      delegations: { roles: (options.reshape ?? ((roles) => roles))([...projects, artifacts]) },
    });
    return { role: "targets", version, bytes: await signPayload(payload, options.signers ?? this.targets) };
  }

  async projectMetadata(
    version: number,
    files: ReadonlyMap<string, Uint8Array> = new Map(),
    options: { role?: string; signers?: readonly Signer[] } = {},
  ): Promise<NewMetadata> {
    const targets = new Map<string, TargetFile>(
      [...files].map(([path, bytes]) => [
        path,
        { length: bytes.length, hashes: new Map([["sha256", sha256(bytes)]]), custom: undefined },
      ]),
    );
    const payload = targetsPayload({ version, expires: this.expires, targets });
    const role = options.role ?? "app";
    return { role, version, bytes: await signPayload(payload, options.signers ?? this.app) };
  }
}

/** Inserts a domain with its first root and targets as an accepted change, as the repository does. */
export async function acceptDomain(repository: Pool, name: string, owners: Owners): Promise<number> {
  const documents = [await owners.rootMetadata(1), await owners.targetsMetadata(1)];
  return withTransaction(repository, async (client) => {
    const domain = await createDomain(client, name);
    if (!domain) throw new Error(`The domain ${name} exists.`);
    await enqueueMetadata(client, domain.id, documents);
    return domain.id;
  });
}

export async function acceptMetadata(
  repository: Pool,
  domainId: number,
  documents: readonly NewMetadata[],
  files: readonly Uint8Array[] = [],
): Promise<number> {
  return withTransaction(repository, async (client) => {
    await insertTargetFiles(client, domainId, files);
    return enqueueMetadata(client, domainId, documents);
  });
}

export function digestOf(text: string): Digest {
  return parseDigest(`sha256:${sha256(utf8(text))}`);
}

/** Accepts a record of the artifact `name` with these pieces of evidence. Returns the change's id. */
export async function acceptRecord(
  repository: Pool,
  domainId: number,
  name: string,
  evidence: readonly string[] = [`link of ${name}`],
  change: Partial<RecordChange> = {},
): Promise<number> {
  const items = evidence.map(utf8);
  return enqueueRecord(repository, domainId, items, {
    digest: digestOf(name),
    descriptor: { mediaType: "application/octet-stream", size: name.length },
    projects: ["app"],
    evidence: items.map((bytes) => ({ sha256: sha256(bytes) as Sha256Hex, length: bytes.length })),
    ...change,
  });
}
