import type { Sha256Hex } from "@stemma/encoding";
import { ClientError } from "../error.ts";
import { metadataName, targetName } from "../source.ts";

/** What `encodeURIComponent` leaves of a segment, and no folder of its own. */
const SEGMENT = /^(?!\.{1,2}$)[A-Za-z0-9_.!~*'()%-]{1,255}$/;
const VERSIONED = /^([1-9][0-9]{0,14})\.(.+)\.json$/;
const MAX_NAME = 1_024;
/** More than any path that is published has, and less than folders take. */
const MAX_PATH = 2_048;

/** Under which a bundle holds metadata in memory: `<version>.<role>`, or the role alone for the newest. */
export function metadataKey(role: string, version: number | undefined): string {
  return version === undefined ? role : `${version}.${role}`;
}

/** The key of a metadata file by its name. A name that has another spelling is refused: `bad_bundle`. */
export function keyOfMetadataFile(name: string): string {
  if (name === metadataName("timestamp", undefined)) return "timestamp";
  const [, version, encoded] = (name.length <= MAX_NAME && VERSIONED.exec(name)) || [];
  if (version !== undefined && encoded !== undefined) {
    const role = decoded(encoded);
    if (role !== undefined && metadataName(role, Number(version)) === name)
      return metadataKey(role, Number(version));
  }
  throw new ClientError("bad_bundle", `${shown(name)} is no name of a metadata file.`);
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Whether a name is one of a target file that stays in its folder, and names these bytes. */
export function isTargetFile(name: string, digest: Sha256Hex): boolean {
  const segments = name.length <= MAX_PATH ? name.split("/") : [];
  const last = segments.at(-1) ?? "";
  return segments.every((segment) => SEGMENT.test(segment)) && last.startsWith(`${digest}.`);
}

/** Refuses names that would lead out of a folder, or that name other bytes. Throws `bad_bundle`. */
export function checkTargetFile(name: string, digest: Sha256Hex): void {
  if (name.length > MAX_NAME || !isTargetFile(name, digest)) {
    throw new ClientError(
      "bad_bundle",
      `${shown(name)} is no name of a target file with the sha256 ${digest}.`,
    );
  }
}

/** The name of a target file. Throws `bad_bundle` for a path that no folder can hold. */
export function targetFileOf(path: string, digest: Sha256Hex): string {
  const name = targetName(path, digest);
  checkTargetFile(name, digest);
  return name;
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 120));
