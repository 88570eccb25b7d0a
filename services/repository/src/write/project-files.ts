import { ServiceError } from "@stemma/contract";
import type { Sha256Hex } from "@stemma/encoding";
import { StemmaError } from "@stemma/encoding";
import { checkLayoutForPublish, type Owners, openLayout } from "@stemma/in-toto";
import {
  domainRootPath,
  domainsOf,
  layoutPath,
  lineagePath,
  readLineagePolicy,
  readRevocations,
  revocationsPath,
  TRUSTED_ROOT,
  trustedRootPath,
} from "@stemma/lineage";
import { readTrustedRoot } from "@stemma/sigstore";
import { keysOf, type Metadata, type TargetFile, type Targets, TrustedMetadata, TufError } from "@stemma/tuf";
import type { SigningGroup } from "./base.ts";
import type { Upload } from "./uploads.ts";

/** A remark on what is accepted. */
export interface Warning {
  readonly code: string;
  readonly message: string;
}

/** Finds stored files by digest. */
export type FindFile = (sha256: Sha256Hex) => Promise<Uint8Array | undefined>;

/**
 * Checks the files that new metadata names: each is stored already or came along, has the length and the digest that
 * the metadata says, and is what its name promises. Layouts must be signed by the owners of the project, so that whoever
 * may sign the role and whoever may sign the layout are the same people.
 */
export class FileCheck {
  readonly warnings: Warning[] = [];
  readonly #upload: Upload;
  readonly #find: FindFile;
  readonly #time: Date;
  readonly #named = new Set<Sha256Hex>();

  constructor(upload: Upload, find: FindFile, time: Date) {
    this.#upload = upload;
    this.#find = find;
    this.#time = time;
  }

  /** Checks the files of a new version of targets, which are the whole domain's. */
  async checkDomain(targets: Metadata<Targets>, current: Metadata<Targets> | undefined): Promise<void> {
    for (const [path, target] of targets.signed.targets) {
      const bytes = await this.#fetch(path, target);
      if (path === TRUSTED_ROOT && isChanged(path, target, current)) readTrustedRoot(bytes);
    }
  }

  /** Checks all files of a new version of a project. */
  async checkNew(
    name: string,
    project: Metadata<Targets>,
    current: Metadata<Targets> | undefined,
    group: SigningGroup,
    ownersChanged: boolean,
  ): Promise<void> {
    for (const [path, target] of project.signed.targets) {
      const bytes = await this.#fetch(path, target);
      const changed = isChanged(path, target, current);
      if (path === layoutPath(name)) this.#checkLayout(name, bytes, group, changed, ownersChanged);
      if (path === revocationsPath(name) && changed) readRevocations(bytes);
      if (path === trustedRootPath(name) && changed) readTrustedRoot(bytes);
      if (path === lineagePath(name) && changed) this.#checkLineage(name, bytes, project);
      if (path.endsWith(".root.json") && changed) checkPinnedRoot(path, bytes);
    }
  }

  /** A project whose delegation changed, without a new version: its layout must be signed by the new owners too. */
  async checkKept(name: string, project: Metadata<Targets>, group: SigningGroup): Promise<void> {
    const path = layoutPath(name);
    const target = project.signed.targets.get(path);
    if (target === undefined) return;
    this.#checkLayout(name, await this.#fetch(path, target), group, false, true);
  }

  /** Files that came along and that nothing names are refused: nobody could ever read them. */
  finish(): void {
    for (const sha256 of this.#upload.files.keys()) {
      if (!this.#named.has(sha256)) {
        throw new ServiceError(
          "target_file_unused",
          `No new metadata names the file with the sha256 ${sha256}.`,
        );
      }
    }
  }

  async #fetch(path: string, target: TargetFile): Promise<Uint8Array> {
    // The publish lint demands a sha256 for every target.
    const sha256 = target.hashes.get("sha256") as Sha256Hex;
    const sent = this.#upload.files.get(sha256);
    if (sent !== undefined) this.#named.add(sha256);
    const bytes = sent ?? (await this.#find(sha256));
    if (bytes === undefined) {
      throw new ServiceError(
        "target_file_missing",
        `${path} (sha256 ${sha256}) is named and was not sent along.`,
      );
    }
    if (bytes.length !== target.length) {
      throw new ServiceError(
        "target_file_mismatch",
        `${path} has ${bytes.length} bytes; the metadata says ${target.length}.`,
      );
    }
    return bytes;
  }

  /** Demands that cannot be read, or that rely on a trust domain whose root is not pinned, would deny every artifact. */
  #checkLineage(name: string, bytes: Uint8Array, project: Metadata<Targets>): void {
    for (const domain of domainsOf(readLineagePolicy(bytes))) {
      const path = domainRootPath(name, domain);
      if (project.signed.targets.has(path)) continue;
      throw new ServiceError(
        "target_file_missing",
        `${lineagePath(name)} relies on the trust domain ${domain}, and ${path} is not among the files of ${name}.`,
      );
    }
  }

  #checkLayout(
    name: string,
    bytes: Uint8Array,
    group: SigningGroup,
    changed: boolean,
    ownersChanged: boolean,
  ): void {
    const owners: Owners = { keys: keysOf(group.role, group.keys), threshold: group.role.threshold };
    if (changed) {
      const check = checkLayoutForPublish(bytes, owners, this.#time);
      for (const { code, message } of check.errors) throw new LayoutRefusal(name, code, message);
      this.warnings.push(...check.warnings.map(({ code, message }) => ({ code, message })));
    } else if (ownersChanged) {
      try {
        openLayout(bytes, owners);
      } catch (error) {
        if (!(error instanceof StemmaError)) throw error;
        throw new LayoutRefusal(name, error.code, error.message);
      }
    }
  }
}

function isChanged(path: string, target: TargetFile, current: Metadata<Targets> | undefined): boolean {
  return current?.signed.targets.get(path)?.hashes.get("sha256") !== target.hashes.get("sha256");
}

/** A root that verifies nothing would make every verdict that rests on it a denial. Throws TufError. */
function checkPinnedRoot(path: string, bytes: Uint8Array): void {
  try {
    TrustedMetadata.create(bytes, { time: new Date(0) });
  } catch (error) {
    if (!(error instanceof TufError)) throw error;
    throw new TufError(error.code, `${path} is no root of a trust domain: ${error.message}`, {
      cause: error,
    });
  }
}

/** A refused layout keeps the code of @stemma/in-toto and says whose it is. */
class LayoutRefusal extends StemmaError {
  constructor(project: string, code: string, message: string) {
    super(code, `The layout of ${project}: ${message}`);
  }
}
