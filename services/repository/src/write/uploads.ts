import { isProjectName, METADATA_BYTES, type MetadataUpload, ServiceError } from "@stemma/contract";
import { sha256 } from "@stemma/crypto";
import { decodeBase64, type Sha256Hex } from "@stemma/encoding";
import { decodeRoot, decodeTargets, type Metadata, type Root, type Targets, TufError } from "@stemma/tuf";

/** What somebody uploads: decoded, sorted out, and nothing of it verified. */
export interface Upload {
  readonly root: Metadata<Root> | undefined;
  readonly targets: Metadata<Targets> | undefined;
  readonly projects: ReadonlyMap<string, Metadata<Targets>>;
  readonly files: ReadonlyMap<Sha256Hex, Uint8Array>;
}

/**
 * Decodes an upload. Throws `role_uploaded_twice`, `role_not_writable` for roles that the signer makes, `too_large`, and the
 * codes of the TUF codec.
 */
export function readUpload(body: Pick<MetadataUpload, "metadata" | "files">): Upload {
  const documents = new Map<string, Uint8Array>();
  for (const { role, bytes } of body.metadata) {
    if (documents.has(role)) {
      throw new ServiceError("role_uploaded_twice", `The upload holds the role ${role} more than once.`);
    }
    documents.set(role, decodeBase64(bytes));
  }
  return sortOut(
    documents,
    body.files.map((file) => decodeBase64(file)),
  );
}

/** The same for documents and files that were received before. */
export function sortOut(documents: ReadonlyMap<string, Uint8Array>, files: readonly Uint8Array[]): Upload {
  let root: Metadata<Root> | undefined;
  let targets: Metadata<Targets> | undefined;
  const projects = new Map<string, Metadata<Targets>>();
  for (const [role, bytes] of documents) {
    const limit = role === "root" ? METADATA_BYTES.root : METADATA_BYTES.targets;
    if (bytes.length > limit) {
      throw new TufError("too_large", `${role} has ${bytes.length} bytes; clients read at most ${limit}.`);
    }
    if (role === "root") root = decodeRoot(bytes);
    else if (role === "targets") targets = decodeTargets(bytes);
    else if (isProjectName(role)) projects.set(role, decodeTargets(bytes));
    else {
      throw new ServiceError(
        "role_not_writable",
        `The role ${role} is made by the signer; owners upload root, targets and projects.`,
      );
    }
  }
  return { root, targets, projects, files: new Map(files.map((bytes) => [sha256(bytes), bytes])) };
}

/** The documents of an upload by role, delegators first. */
export function documentsOf(
  upload: Upload,
): readonly { readonly role: string; readonly metadata: Metadata }[] {
  return [
    ...(upload.root === undefined ? [] : [{ role: "root", metadata: upload.root }]),
    ...(upload.targets === undefined ? [] : [{ role: "targets", metadata: upload.targets }]),
    ...[...upload.projects].map(([role, metadata]) => ({ role, metadata })),
  ];
}
