import { ClientError } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import { assemble, type Effect, type EffectAnswer, type TargetFile, targetsPayload } from "@stemma/tuf";
import { CliError } from "./error.ts";
import { parseExpiry } from "./time.ts";
import type { TrustedDomain } from "./trust.ts";

/**
 * The bytes of a file that a project's current metadata lists; undefined when it lists none of that path.
 * Throws `source_refused` when the source does not have exactly these bytes.
 */
export async function readProjectFile(
  at: TrustedDomain,
  project: string,
  path: string,
): Promise<Uint8Array | undefined> {
  const listed = (await at.project(project))?.signed.targets.get(path);
  if (listed === undefined) return undefined;
  const digest = listed.hashes.get("sha256") as Sha256Hex | undefined;
  if (digest === undefined)
    throw new CliError("server_answer_invalid", `${path} is listed without a sha256.`);
  const bytes = await at.run(fetchTarget(path, digest, listed.length));
  // TUF 5.7.3.
  if (bytes === undefined || bytes.length !== listed.length || sha256(bytes) !== digest) {
    throw new ClientError("source_refused", `The bytes of ${path} that ${project} signed are not to be had.`);
  }
  return bytes;
}

function* fetchTarget(
  path: string,
  digest: Sha256Hex,
  length: number,
): Generator<Effect, Uint8Array | undefined, EffectAnswer> {
  const answer = yield { kind: "target", path, sha256: digest, length };
  return answer instanceof Uint8Array ? answer : undefined;
}

/** The next version of a project's metadata with files put in, everything else as it is; without signatures. */
export async function nextProject(
  at: TrustedDomain,
  project: string,
  files: readonly NamedFile[],
  expires: string,
): Promise<Uint8Array> {
  const current = (await at.project(project))?.signed;
  const payload = targetsPayload({
    version: (current?.version ?? 0) + 1,
    expires: parseExpiry(expires, at.time),
    targets: files.reduce(withFile, current?.targets ?? new Map<string, TargetFile>()),
  });
  return assemble(payload, []);
}

/** A file under the path that metadata lists it by. */
export interface NamedFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Listed files, with one put in or replaced. */
export function withFile(
  listed: ReadonlyMap<string, TargetFile>,
  file: NamedFile | undefined,
): ReadonlyMap<string, TargetFile> {
  if (file === undefined) return listed;
  const hashes = new Map([["sha256", sha256(file.bytes)]]);
  return new Map([...listed, [file.path, { length: file.bytes.length, hashes, custom: undefined }]]);
}
