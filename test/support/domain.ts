import type { Bundle, SyncSource } from "@stemma/client";
import { bundleSource } from "@stemma/client";
import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { type Digest, digestParts, parseDigest, recordPath, type Sha256Hex, utf8 } from "@stemma/encoding";
import { type LayoutContent, type LinkContent, signLayout, signLink } from "@stemma/in-toto";
import {
  type ArtifactRecord,
  checkRecord,
  domainRootPath,
  layoutPath,
  lineagePath,
  projectPaths,
  recordTarget,
  revocationsPath,
} from "@stemma/lineage";
import {
  binName,
  binNames,
  decodeTargets,
  type RoleKeys,
  rootPayload,
  type SuccinctRolesInput,
  signPayload,
  snapshotPayload,
  type TargetFile,
  targetsPayload,
  timestampPayload,
} from "@stemma/tuf";

const DAY = 86_400_000;

/** A key in memory. */
export function newSigner(): Signer {
  return signerFromPem(generatePrivateKey());
}

export const days = (from: Date, count: number): Date => new Date(from.getTime() + count * DAY);

/** Artifacts of a link, from names and texts. */
export function artifacts(
  files: Record<string, string | Digest>,
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  return new Map(
    Object.entries(files).map(([name, content]) => {
      const hex = content.startsWith("sha256:") ? content.slice(7) : sha256(utf8(content));
      return [name, new Map([["sha256", hex]])] as const;
    }),
  );
}

/**
 * A whole trust domain in memory, with real keys and real signatures: root 2 of 3, targets 2 of 2, one project of two
 * owners with a layout of three steps. Everything is a field, so that an attack is one changed line before `publish`.
 */
export class DomainFixture {
  readonly now = new Date("2026-11-24T00:00:00Z");
  readonly project = "app";
  readonly rootSigners = [newSigner(), newSigner(), newSigner()];
  readonly targetsSigners = [newSigner(), newSigner()];
  online: Signer = newSigner();
  readonly owners = [newSigner(), newSigner()];
  readonly functionaries = { source: newSigner(), build: newSigner(), package: newSigner() };

  /** What the package step makes. */
  readonly artifact = utf8("the image");
  readonly digest = parseDigest(`sha256:${sha256(this.artifact)}`);

  readonly metadata = new Map<string, Uint8Array>();
  readonly blobs = new Map<Sha256Hex, Uint8Array>();
  readonly records = new Map<Digest, ArtifactRecord>();
  projectFiles = new Map<string, Uint8Array>();
  versions = { root: 1, targets: 1, project: 1, online: 0 };
  bitLength = 2;
  timestampDays = 1;

  static async create(): Promise<DomainFixture> {
    const domain = new DomainFixture();
    await domain.signRoot();
    await domain.signTargets();
    await domain.setLayout(domain.layout());
    await domain.record(domain.digest, domain.artifact.length, await domain.links());
    await domain.publish();
    return domain;
  }

  /** Moves everything that is signed to the present, for clients that read the clock. */
  async moveToPresent(): Promise<void> {
    Object.assign(this, { now: new Date() });
    await this.signRoot();
    await this.signTargets();
    await this.setLayout(this.layout());
    await this.publish();
  }

  get root(): Uint8Array {
    return this.metadata.get("1.root") as Uint8Array;
  }

  /** The source that a mirror of the domain would be. */
  get source(): SyncSource {
    return bundleSource(this.bundle);
  }

  get bundle(): Bundle {
    return { metadata: this.metadata, blobs: this.blobs };
  }

  async signRoot(signers: readonly Signer[] = this.rootSigners.slice(0, 2)): Promise<void> {
    const online = keys([this.online], 1);
    const payload = rootPayload({
      version: this.versions.root,
      expires: days(this.now, 365),
      roles: {
        root: keys(this.rootSigners, 2),
        timestamp: online,
        snapshot: online,
        targets: keys(this.targetsSigners, 2),
      },
    });
    this.metadata.set(`${this.versions.root}.root`, await signPayload(payload, signers));
  }

  async signTargets(): Promise<void> {
    const payload = targetsPayload({
      version: this.versions.targets,
      expires: days(this.now, 90),
      delegations: {
        roles: [
          {
            name: this.project,
            ...keys(this.owners, 2),
            terminating: true,
            paths: [projectPaths(this.project)],
          },
          {
            name: "artifacts",
            ...keys([this.online], 1),
            terminating: true,
            paths: ["sha256/*", "sha512/*"],
          },
        ],
      },
    });
    this.metadata.set(`${this.versions.targets}.targets`, await signPayload(payload, this.targetsSigners));
  }

  /** Three steps, each with a functionary of its own: source → build → package. */
  layout(): LayoutContent {
    const { source, build, package: pack } = this.functionaries;
    return {
      expires: days(this.now, 30),
      steps: [
        {
          name: "source",
          threshold: 1,
          functionaries: [source.publicKey],
          expectedProducts: [
            ["CREATE", "*"],
            ["DISALLOW", "*"],
          ],
        },
        {
          name: "build",
          threshold: 1,
          functionaries: [build.publicKey],
          expectedMaterials: [
            ["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"],
            ["DISALLOW", "*"],
          ],
          expectedProducts: [
            ["CREATE", "dist/*"],
            ["ALLOW", "src/*"],
            ["DISALLOW", "*"],
          ],
        },
        {
          name: "package",
          threshold: 1,
          functionaries: [pack.publicKey],
          expectedMaterials: [
            ["MATCH", "dist/*", "WITH", "PRODUCTS", "FROM", "build"],
            ["DISALLOW", "*"],
          ],
          expectedProducts: [
            ["CREATE", "image/*"],
            ["DISALLOW", "*"],
          ],
        },
      ],
    };
  }

  /** The three links of an artifact, by step, before they are signed. */
  linkContents(digest: Digest = this.digest): Record<"source" | "build" | "package", LinkContent> {
    const source = artifacts({ "src/main.ts": "source" });
    const built = artifacts({ "dist/stemma.mjs": "compiled" });
    return {
      source: { name: "source", command: ["git", "ls-files"], materials: new Map(), products: source },
      build: { name: "build", command: ["npm", "run", "build"], materials: source, products: built },
      package: {
        name: "package",
        command: ["package"],
        materials: built,
        products: artifacts({ "image/app": digest }),
      },
    };
  }

  async links(digest: Digest = this.digest): Promise<Uint8Array[]> {
    const contents = this.linkContents(digest);
    return Promise.all(
      (["source", "build", "package"] as const).map((step) =>
        signLink(contents[step], [this.functionaries[step]]),
      ),
    );
  }

  async setLayout(layout: LayoutContent, signers: readonly Signer[] = this.owners): Promise<void> {
    await this.setProjectFile(layoutPath(this.project), await signLayout(layout, signers));
  }

  async revoke(digest: Digest, reason: string): Promise<void> {
    const file = {
      _type: "stemma-revocations",
      version: 1,
      revoked: [{ digest, reason, since: this.now.toISOString() }],
    };
    await this.setProjectFile(revocationsPath(this.project), utf8(JSON.stringify(file)));
  }

  /** What the project demands of everything that its artifacts rest on. */
  async demand(policy: Record<string, unknown>): Promise<void> {
    const file = { _type: "stemma-lineage", version: 1, ...policy };
    await this.setProjectFile(lineagePath(this.project), utf8(JSON.stringify(file)));
  }

  /** Pins another trust domain's root. */
  async pinDomain(name: string, root: Uint8Array): Promise<void> {
    await this.setProjectFile(domainRootPath(this.project, name), root);
  }

  async setProjectFile(path: string, bytes: Uint8Array): Promise<void> {
    this.projectFiles.set(path, bytes);
    this.blobs.set(sha256(bytes), bytes);
    await this.signProject();
  }

  async signProject(signers: readonly Signer[] = this.owners): Promise<void> {
    const targets = new Map<string, TargetFile>();
    for (const [path, bytes] of this.projectFiles) {
      targets.set(path, {
        length: bytes.length,
        hashes: new Map([["sha256", sha256(bytes)]]),
        custom: undefined,
      });
    }
    const payload = targetsPayload({ version: this.versions.project, expires: days(this.now, 28), targets });
    this.metadata.set(`${this.versions.project}.${this.project}`, await signPayload(payload, signers));
  }

  /** Says that a digest has this evidence. Nobody checks: this is what whoever holds the online key can do. */
  async record(
    digest: Digest,
    size: number,
    evidence: readonly Uint8Array[],
    lineage: {
      readonly contents?: readonly Uint8Array[];
      readonly indexes?: readonly Digest[];
    } = {},
  ): Promise<void> {
    const { contents = [], ...pointers } = lineage;
    for (const bytes of [...evidence, ...contents]) this.blobs.set(sha256(bytes), bytes);
    const record: ArtifactRecord = {
      digest,
      size,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      artifactType: undefined,
      projects: [this.project],
      evidence: evidence.map((bytes) => ({ sha256: sha256(bytes), length: bytes.length })),
      contents: contents.map((bytes) => ({ sha256: sha256(bytes), length: bytes.length })),
      ...pointers,
    };
    this.records.set(digest, checkRecord(record));
  }

  /** Signs the online roles anew. */
  async publish(online: Signer = this.online): Promise<void> {
    this.versions.online += 1;
    const version = this.versions.online;
    const succinct: SuccinctRolesInput = {
      ...keys([online], 1),
      bitLength: this.bitLength,
      namePrefix: "bin",
    };
    const expires = days(this.now, 30);
    const artifactsBytes = await signPayload(
      targetsPayload({ version, expires, delegations: { succinct } }),
      [online],
    );
    this.metadata.set(`${version}.artifacts`, artifactsBytes);
    const ring = decodeTargets(artifactsBytes).signed.delegations?.succinct;
    if (ring === undefined) throw new Error("The fixture has no bins.");
    const bins = new Map<string, Map<string, TargetFile>>();
    for (const name of binNames(ring)) bins.set(name, new Map());
    for (const [digest, record] of this.records) {
      const path = recordPath(digest);
      bins.get(binName(ring, path))?.set(path, recordTarget(record));
    }
    const meta = new Map<string, number>([
      ["targets", this.versions.targets],
      [this.project, this.versions.project],
      ["artifacts", version],
    ]);
    for (const [name, targets] of bins) {
      this.metadata.set(
        `${version}.${name}`,
        await signPayload(targetsPayload({ version, expires, targets }), [online]),
      );
      meta.set(name, version);
    }
    const snapshot = snapshotPayload({ version, expires: days(this.now, 7), meta });
    this.metadata.set(`${version}.snapshot`, await signPayload(snapshot, [online]));
    const timestamp = timestampPayload({
      version,
      expires: days(this.now, this.timestampDays),
      snapshotVersion: version,
    });
    this.metadata.set("timestamp", await signPayload(timestamp, [online]));
  }
}

function keys(signers: readonly Signer[], threshold: number): RoleKeys {
  return { keys: signers.map((signer) => signer.publicKey), threshold };
}

/** The digest of some bytes as people write it. */
export function digestOf(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${sha256(bytes)}`);
}

/** The file name part of a digest. */
export function hexOf(digest: Digest): string {
  return digestParts(digest).hex;
}
