import {
  asArray,
  asInteger,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
  member,
  parseJson,
} from "@stemma/encoding";
import { Glob } from "@stemma/in-toto";
import { LineageError } from "./error.ts";
import { asProjectName } from "./project.ts";

/**
 * What the owners of a project demand of everything that its artifacts rest on: `lineage.json`, signed with the project's role
 * as its layout is. Without the file nothing is demanded: the digest that is asked about must satisfy the layout itself, and
 * that is all.
 */
export interface LineagePolicy {
  readonly platforms: PlatformChoice;
  readonly bases: BaseDemand | undefined;
  readonly dependencies: readonly DependencyDemand[];
}

/**
 * What must satisfy the layout when a digest is that of an index of platforms, or of one of them:
 *
 * * `itself`: whatever was asked about;
 * * `index`: the index; a platform is as good as an index that lists it;
 * * `platform`: the platform; an index is as good as all that it lists;
 * * `either`: one of those;
 * * `both`: the platform and an index that lists it; the index and all that it lists.
 */
export const PLATFORM_CHOICES = ["itself", "index", "platform", "either", "both"] as const;
export type PlatformChoice = (typeof PLATFORM_CHOICES)[number];

/**
 * How sure it is that an image rests on another, from the weakest on: somebody says so; its layers begin with exactly the
 * other's; and the other also verifies, by its own layout.
 */
export const GRADES = ["claimed", "contained", "proven"] as const;
export type Grade = (typeof GRADES)[number];

/** Whether a grade is at least another. */
export function isAtLeast(grade: Grade, wanted: Grade): boolean {
  return GRADES.indexOf(grade) >= GRADES.indexOf(wanted);
}

/** Who may stand for what an artifact rests on: a project of this trust domain, or of another one. */
export interface Origin {
  readonly project: string;
  /** Undefined for this trust domain. Another one's root is the project's file `<domain>.root.json`. */
  readonly domain: string | undefined;
  /** An image of this origin may be the lowest: nothing is asked about what it rests on. */
  readonly foundation: boolean;
}

export interface BaseDemand {
  readonly grade: Grade;
  /** At least one for `proven`, and none otherwise. */
  readonly from: readonly Origin[];
  /** How many levels of bases are held to it, from 1; the chain may end earlier at a foundation. */
  readonly depth: number;
}

export interface DependencyDemand {
  /** Of the dependencies' URIs. At least one dependency must match. */
  readonly uri: Glob;
  readonly pattern: string;
  readonly grade: "claimed" | "proven";
  readonly from: readonly Origin[];
}

const MAX_ORIGINS = 16;
const MAX_DEPENDENCIES = 32;
export const MAX_DEPTH = 8;
const DOMAIN_NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The target path of what a project demands of the artifacts that its own rest on. */
export function lineagePath(project: string): string {
  return `projects/${project}/lineage.json`;
}

/** The target path of the root that a project pins for another trust domain. */
export function domainRootPath(project: string, domain: string): string {
  return `projects/${project}/${domain}.root.json`;
}

/**
 * Reads `lineage.json`. Members that are not known are refused: a demand that is misread is a demand that is lost. Throws
 * `bad_lineage_policy`, or EncodingError for its shape.
 */
export function readLineagePolicy(bytes: Uint8Array): LineagePolicy {
  const file = asObject(parseJson(bytes), "lineage");
  knownMembers(file, ["_type", "version", "platforms", "bases", "dependencies"], "lineage");
  if (member(file, "_type", "lineage") !== "stemma-lineage") {
    throw refuse('A lineage file has "_type": "stemma-lineage".');
  }
  if (asInteger(member(file, "version", "lineage"), "lineage.version") !== 1) {
    throw refuse("Only version 1 of the lineage file is known.");
  }
  const bases = file.get("bases");
  const dependencies = asArray(file.get("dependencies") ?? [], "lineage.dependencies");
  if (dependencies.length > MAX_DEPENDENCIES) {
    throw refuse(`lineage.dependencies has at most ${MAX_DEPENDENCIES} entries.`);
  }
  const policy: LineagePolicy = {
    platforms: oneOf(file.get("platforms") ?? "itself", PLATFORM_CHOICES, "lineage.platforms"),
    bases: bases === undefined ? undefined : readBases(bases),
    dependencies: dependencies.map((item, index) => readDependency(item, `lineage.dependencies[${index}]`)),
  };
  if (policy.platforms === "itself" && policy.bases === undefined && policy.dependencies.length === 0) {
    throw refuse("The lineage file demands nothing; leave it out, or say what it is for.");
  }
  return policy;
}

/** The names of the other trust domains that a policy relies on. */
export function domainsOf({ bases, dependencies }: LineagePolicy): ReadonlySet<string> {
  const origins = [...(bases?.from ?? []), ...dependencies.flatMap(({ from }) => from)];
  return new Set(origins.flatMap(({ domain }) => (domain === undefined ? [] : [domain])));
}

function readBases(value: JsonValue): BaseDemand {
  const where = "lineage.bases";
  const object = asObject(value, where);
  knownMembers(object, ["grade", "from", "depth"], where);
  const grade = oneOf(member(object, "grade", where), GRADES, `${where}.grade`);
  const depth = asInteger(object.get("depth") ?? 1, `${where}.depth`);
  if (depth < 1 || depth > MAX_DEPTH) throw refuse(`${where}.depth must be from 1 to ${MAX_DEPTH}.`);
  if (depth > 1 && grade !== "proven") throw refuse(`${where}.depth is for bases that must be proven.`);
  return { grade, from: readOrigins(object, grade, where), depth };
}

function readDependency(value: JsonValue, where: string): DependencyDemand {
  const object = asObject(value, where);
  knownMembers(object, ["uri", "grade", "from"], where);
  const pattern = asString(member(object, "uri", where), `${where}.uri`);
  const grade = oneOf(member(object, "grade", where), ["claimed", "proven"] as const, `${where}.grade`);
  return { uri: readGlob(pattern, `${where}.uri`), pattern, grade, from: readOrigins(object, grade, where) };
}

function readGlob(pattern: string, where: string): Glob {
  if (pattern === "" || pattern.length > 1_024) throw refuse(`${where} has 1 to 1024 characters.`);
  return new Glob(pattern);
}

function readOrigins(object: JsonObject, grade: Grade, where: string): readonly Origin[] {
  const list = asArray(object.get("from") ?? [], `${where}.from`);
  if (list.length > MAX_ORIGINS) throw refuse(`${where}.from has at most ${MAX_ORIGINS} entries.`);
  if (grade === "proven" && list.length === 0) {
    throw refuse(`${where} must say in "from" which projects prove it.`);
  }
  if (grade !== "proven" && list.length > 0) {
    throw refuse(`${where}.from is for what must be proven; nobody verifies what is only ${grade}.`);
  }
  return list.map((item, index) => {
    const at = `${where}.from[${index}]`;
    const origin = asObject(item, at);
    knownMembers(origin, ["project", "domain", "foundation"], at);
    const domain = origin.get("domain");
    const foundation = origin.get("foundation") ?? false;
    if (typeof foundation !== "boolean") throw refuse(`${at}.foundation must be true or false.`);
    return {
      project: asProjectName(asString(member(origin, "project", at), `${at}.project`)),
      domain: domain === undefined ? undefined : domainName(asString(domain, `${at}.domain`), at),
      foundation,
    };
  });
}

function domainName(text: string, where: string): string {
  if (DOMAIN_NAME.test(text)) return text;
  throw refuse(`${where}.domain has 1 to 63 characters of a-z, 0-9 and -, and begins with a letter.`);
}

function oneOf<T extends string>(value: JsonValue, known: readonly T[], where: string): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw refuse(`${where} must be one of ${known.join(", ")}.`);
  return found;
}

function knownMembers(object: JsonObject, known: readonly string[], where: string): void {
  for (const name of object.keys()) {
    if (!known.includes(name))
      throw refuse(`${where} has a member that is not known: ${JSON.stringify(name.slice(0, 64))}.`);
  }
}

function refuse(message: string): LineageError {
  return new LineageError("bad_lineage_policy", message);
}
