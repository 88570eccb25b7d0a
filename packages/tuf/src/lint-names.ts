/*
 * Names that Stemma publishes. A client takes any string as a name and quotes it; what the service publishes must also be
 * safe in the hands of clients that do not (N-07, N-27).
 */

const ROLE_NAME = /^[a-z][a-z0-9-]{0,62}$/;
const SEGMENT = /^[A-Za-z0-9_@+=~.-]{1,255}$/;
const PATTERN_SEGMENT = /^[A-Za-z0-9_@+=~.*?[\]!-]{1,255}$/;
/** Devices that Windows opens whatever folder or extension they are given. */
const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|$)/i;
const MAX_PATH = 1024;

/** Why a name must not be the name of a delegated role, or undefined. */
export function roleNameFault(name: string): string | undefined {
  if (!ROLE_NAME.test(name)) return "it must be a letter a-z and up to 62 of a-z, 0-9 and -";
  if (isObjectMember(name)) return "some clients confuse it with a built-in name";
  if (WINDOWS_DEVICE.test(name)) return "it names a device on Windows";
  return undefined;
}

/** Why a path must not be a target path, or undefined. */
export function targetPathFault(path: string): string | undefined {
  if (path.length > MAX_PATH) return `it is longer than ${MAX_PATH} characters`;
  if (isObjectMember(path)) return "some clients confuse it with a built-in name";
  return segmentsFault(path, SEGMENT);
}

/** Why a pattern must not be published, or undefined. Characters that stock clients read differently are left out (N-29). */
export function patternFault(pattern: string): string | undefined {
  return pattern.startsWith("!") ? 'it begins with "!"' : segmentsFault(pattern, PATTERN_SEGMENT);
}

function segmentsFault(path: string, allowed: RegExp): string | undefined {
  for (const segment of path.split("/")) {
    if (segment === "") return "it begins or ends with / or has an empty segment";
    if (segment === "." || segment === "..") return "it has a segment . or ..";
    if (!allowed.test(segment)) return "it has characters beyond letters, digits and _ @ + = ~ . -";
    if (segment.endsWith(".")) return "a segment ends with a dot";
    if (WINDOWS_DEVICE.test(segment)) return "a segment names a device on Windows";
  }
  return undefined;
}

function isObjectMember(name: string): boolean {
  return name in Object.prototype;
}
