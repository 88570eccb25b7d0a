import { InTotoError } from "./error.ts";

/** A segment that is empty, `.` or `..`, or a character that makes one name mean two things. */
const SUSPECT = /(?:^|[/:])\.{0,2}(?:\/|$)|[\\\0]/;
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/)?/;

/**
 * Checks the name of an artifact: a path in normal form, or a URI (ITE-4). A functionary chooses these names, and
 * `dir/../foo` beside a rule about `foo` would slip past it (N-28), so names that are not normal are refused rather
 * than normalised. A path may begin with `/` or with `../`, as Python's and Go's normal forms may.
 *
 * Throws `path_not_normal`, or `limit_exceeded` for a name beyond `maxLength`.
 */
export function checkArtifactName(name: string, maxLength: number, where: string): void {
  if (name.length > maxLength) {
    throw new InTotoError(
      "limit_exceeded",
      `${where} names an artifact with ${name.length} characters; at most ${maxLength} are accepted.`,
    );
  }
  if (SUSPECT.test(name) && !isNormal(name)) {
    throw new InTotoError(
      "path_not_normal",
      `${where} names the artifact ${quote(name)}, which is not a path or URI in normal form.`,
    );
  }
}

function isNormal(name: string): boolean {
  if (/[\\\0]/.test(name)) return false;
  const scheme = URI.exec(name)?.[0];
  let rest = name.slice(scheme?.length ?? 0);
  if (rest.startsWith("/")) rest = rest.slice(1);
  else if (scheme === undefined) rest = rest.replace(/^(?:\.\.\/)+/, "");
  if (scheme !== undefined && rest.endsWith("/")) rest = rest.slice(0, -1);
  return rest.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/** Names that tools keep for themselves; a step called so would be lost in somebody's plain object. */
const RESERVED: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype", ".", ".."]);
const NOT_IN_STEP_NAMES = /[/\\\u0000-\u001f\u007f]/;

/**
 * Checks the name of a step or an inspection. It becomes part of file names (`<step>.<key id>.link`) in every other
 * implementation, hence no separators. Throws `bad_name`.
 */
export function checkStepName(name: string, where: string): void {
  if (name === "" || name.length > 128 || RESERVED.has(name) || NOT_IN_STEP_NAMES.test(name)) {
    throw new InTotoError(
      "bad_name",
      `${where} is ${quote(name)}; a step is named by 1 to 128 characters without separators or control characters, and by none of ${[...RESERVED].join(", ")}.`,
    );
  }
}

/** Text of a document, cut short and made printable for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}

/** A moment for a message; a time that is none has no text of its own. */
export function momentText(time: Date): string {
  return Number.isNaN(time.getTime()) ? "a time that is not one" : time.toISOString();
}
