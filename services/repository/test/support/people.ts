import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { encodeBase64, jsonObject, writeJson } from "@stemma/encoding";
import { signLayout, signLink } from "@stemma/in-toto";
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

export function keysOf(signers: readonly Signer[]) {
  return signers.map(({ publicKey }) => publicKey);
}

export const FAR = new Date("2035-01-01T00:00:00Z");

/** A document as it travels in an upload. */
export interface Uploaded {
  readonly role: string;
  readonly bytes: string;
}

function uploaded(role: string, bytes: Uint8Array): Uploaded {
  return { role, bytes: encodeBase64(bytes) };
}

/** Files as metadata lists them. */
function listed(files: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, TargetFile> {
  return new Map(
    [...files].map(([path, bytes]) => [
      path,
      { length: bytes.length, hashes: new Map([["sha256", sha256(bytes)]]), custom: undefined },
    ]),
  );
}

/** The people of a domain and of its project `app`, and everything they sign. */
export class People {
  readonly root = [newSigner(), newSigner(), newSigner()];
  readonly targets = [newSigner(), newSigner()];
  readonly owners = [newSigner(), newSigner()];
  readonly builder = newSigner();
  readonly packager = newSigner();
  readonly online: Signer;

  constructor(online: Signer) {
    this.online = online;
  }

  rootPayload(version: number, change: { online?: readonly Signer[]; root?: readonly Signer[] } = {}) {
    const online = { keys: keysOf(change.online ?? [this.online]), threshold: 1 };
    return rootPayload({
      version,
      expires: FAR,
      roles: {
        root: { keys: keysOf(change.root ?? this.root), threshold: 2 },
        targets: { keys: keysOf(this.targets), threshold: 2 },
        timestamp: online,
        snapshot: online,
      },
    });
  }

  async rootDocument(version = 1, signers: readonly Signer[] = this.root.slice(0, 2)): Promise<Uploaded> {
    return uploaded("root", await signPayload(this.rootPayload(version), signers));
  }

  delegations(projects: readonly Partial<DelegatedRoleInput>[] = [{}]): readonly DelegatedRoleInput[] {
    return [
      ...projects.map((project) => ({
        name: "app",
        keys: keysOf(this.owners),
        threshold: 2,
        terminating: true,
        paths: [`projects/${project.name ?? "app"}/*`],
        ...project,
      })),
      {
        name: "artifacts",
        keys: keysOf([this.online]),
        threshold: 1,
        terminating: true,
        paths: ["sha256/*", "sha512/*"],
      },
    ];
  }

  targetsPayload(
    version: number,
    roles: readonly DelegatedRoleInput[] = this.delegations(),
    files: ReadonlyMap<string, Uint8Array> = new Map(),
  ) {
    return targetsPayload({ version, expires: FAR, targets: listed(files), delegations: { roles } });
  }

  async targetsDocument(
    version = 1,
    options: {
      signers?: readonly Signer[];
      roles?: readonly DelegatedRoleInput[];
      files?: ReadonlyMap<string, Uint8Array>;
    } = {},
  ): Promise<Uploaded> {
    const payload = this.targetsPayload(version, options.roles, options.files);
    return uploaded("targets", await signPayload(payload, options.signers ?? this.targets));
  }

  projectPayload(version: number, files: ReadonlyMap<string, Uint8Array>, expires = FAR) {
    return targetsPayload({ version, expires, targets: listed(files) });
  }

  async projectDocument(
    version: number,
    files: ReadonlyMap<string, Uint8Array>,
    options: { role?: string; signers?: readonly Signer[] } = {},
  ): Promise<Uploaded> {
    const payload = this.projectPayload(version, files);
    return uploaded(options.role ?? "app", await signPayload(payload, options.signers ?? this.owners));
  }

  /** Two steps: what `build` made, `package` wraps. */
  layout(options: { signers?: readonly Signer[]; expires?: Date } = {}): Promise<Uint8Array> {
    return signLayout(
      {
        expires: options.expires ?? FAR,
        steps: [
          {
            name: "build",
            threshold: 1,
            functionaries: keysOf([this.builder]),
            expectedProducts: [
              ["CREATE", "app"],
              ["DISALLOW", "*"],
            ],
            expectedMaterials: [["DISALLOW", "*"]],
          },
          {
            name: "package",
            threshold: 1,
            functionaries: keysOf([this.packager]),
            expectedMaterials: [
              ["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"],
              ["DISALLOW", "*"],
            ],
            expectedProducts: [
              ["CREATE", "app.tgz"],
              ["DISALLOW", "*"],
            ],
          },
        ],
      },
      options.signers ?? this.owners,
    );
  }

  revocations(digests: readonly string[]): Uint8Array {
    return writeJson(
      jsonObject({
        _type: "stemma-revocations",
        version: 1,
        revoked: digests.map((digest) =>
          jsonObject({ digest, reason: "left a key in it", since: "2026-11-01T00:00:00Z" }),
        ),
      }),
    );
  }

  /** The links of an artifact: base64, as they travel. */
  async links(name: string): Promise<{ digest: string; size: number; evidence: string[] }> {
    const artifact = Buffer.from(`the artifact ${name}`);
    const built = new Map([["sha256", sha256(Buffer.from(`built ${name}`)) as string]]);
    const digest = sha256(artifact);
    const build = await signLink(
      { name: "build", command: ["make"], materials: new Map(), products: new Map([["app", built]]) },
      [this.builder],
    );
    const pack = await signLink(
      {
        name: "package",
        command: ["tar"],
        materials: new Map([["app", built]]),
        products: new Map([["app.tgz", new Map([["sha256", digest as string]])]]),
      },
      [this.packager],
      "metablock",
    );
    return { digest: `sha256:${digest}`, size: artifact.length, evidence: [build, pack].map(encodeBase64) };
  }

  /** A link of about so many bytes: its command is long. */
  bigLink(name: string, length: number): Promise<Uint8Array> {
    const words = Array.from({ length: length / 1000 }, (_, at) => `${name} ${at}`.padEnd(996, "."));
    return signLink(
      { name: "build", command: words, materials: new Map(), products: new Map() },
      [this.builder],
      "metablock",
    );
  }
}
