import { asArray, asObject, type JsonObject, type JsonValue } from "@stemma/encoding";
import { type ArtifactDigests, type Artifacts, sameDigests } from "../artifacts.ts";
import { digestLabel, requireUnbroken } from "../digests.ts";
import { InTotoError } from "../error.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits } from "../limits.ts";
import { checkArtifactName, quote } from "../names.ts";
import { type ResourceDescriptor, readDescriptor, type Statement } from "../statement.ts";
import { LINK_TYPE } from "./link.ts";
import { PROVENANCE_02_TYPE, PROVENANCE_TYPE } from "./provenance.ts";

/** What a statement reports as materials and products of a step. */
export interface ReportedArtifacts {
  readonly materials: Artifacts;
  readonly products: Artifacts;
}

const MAX_MATERIALS = 10_000;
const NOTHING: JsonObject = new Map();

/** Whether statements of a type say how their subjects were made out of materials (ITE-10). */
export function isTransformational(predicateType: string): boolean {
  return (
    predicateType === LINK_TYPE || predicateType === PROVENANCE_TYPE || predicateType === PROVENANCE_02_TYPE
  );
}

/** Whether the names in statements of a type are paths, as in links. Elsewhere they are labels. */
export function comparesNames(predicateType: string): boolean {
  return predicateType === LINK_TYPE;
}

/**
 * The materials and products of a statement (ITE-10). Transformational ones made their subjects out of materials. All
 * others, unknown types included, are about their subjects and pass them on as they are.
 *
 * In a link, artifacts are named by paths, and are held to what links are held to. Elsewhere an artifact is labelled
 * by its name, or its URI, or its digest, and no artifact is lost to another with the same label. Materials without a
 * digest are left out: nobody can tell what they were. Digests of materials may all be weak there, as are the ids of
 * git commits; such a material agrees with nothing (`agreeOnDigest`).
 *
 * Throws `bad_predicate` for a name that is missing or stands twice in a link; `path_not_normal`,
 * `bad_artifact_digest`, `weak_artifact_digest`, `limit_exceeded`; and EncodingError for the shape of a predicate that
 * `checkPredicate` would refuse.
 */
export function reportedArtifacts(
  statement: Statement,
  limits: InTotoLimits = DEFAULT_LIMITS,
): ReportedArtifacts {
  const { predicateType, subjects } = statement;
  switch (predicateType) {
    case LINK_TYPE:
      return {
        materials: byName(statedMaterials(statement, limits), "predicate.materials", limits),
        products: byName(subjects, "subject", limits),
      };
    case PROVENANCE_TYPE:
    case PROVENANCE_02_TYPE:
      return { materials: byLabel(statedMaterials(statement, limits)), products: byLabel(subjects) };
    default: {
      const artifacts = byLabel(subjects);
      return { materials: artifacts, products: artifacts };
    }
  }
}

/** What a transformational statement lists as materials, in its order; nothing for every other. Throws as above. */
export function statedMaterials(
  { predicateType, predicate }: Statement,
  limits: InTotoLimits = DEFAULT_LIMITS,
): readonly ResourceDescriptor[] {
  if (predicateType === PROVENANCE_TYPE) {
    const definition = asObject(predicate.get("buildDefinition") ?? NOTHING, "predicate.buildDefinition");
    const where = "predicate.buildDefinition.resolvedDependencies";
    return readMaterials(definition.get("resolvedDependencies"), where, limits);
  }
  if (!isTransformational(predicateType)) return [];
  return readMaterials(predicate.get("materials"), "predicate.materials", limits);
}

function readMaterials(
  value: JsonValue | undefined,
  where: string,
  limits: InTotoLimits,
): readonly ResourceDescriptor[] {
  const list = asArray(value ?? [], where);
  checkLimit(list.length, MAX_MATERIALS, where, "materials");
  return list.map((item, index) => readDescriptor(item, `${where}[${index}]`, limits));
}

/** Artifacts of a link by name (in-toto attestation, Link 0.3), as strict as `readArtifacts`. */
function byName(list: readonly ResourceDescriptor[], where: string, limits: InTotoLimits): Artifacts {
  const artifacts = new Map<string, ArtifactDigests>();
  for (const [index, { name, digest }] of list.entries()) {
    const at = (): string => `${where}[${index}]`;
    if (name === undefined) {
      throw new InTotoError("bad_predicate", `${at()} has no name, which artifacts of a link must have.`);
    }
    if (artifacts.has(name)) {
      throw new InTotoError("bad_predicate", `${at()} is named ${quote(name)}, and so is an earlier one.`);
    }
    checkArtifactName(name, limits.nameLength, where);
    requireUnbroken(digest, at);
    artifacts.set(name, digest);
  }
  return artifacts;
}

/** Names that say nothing (in-toto attestation 1.1, Statement: "leave the field unset or use "_""). */
const UNNAMED = "_";

/**
 * Artifacts by label. One that differs from an earlier one under its label has its digest added, and where that is
 * taken as well its place in the list: no other artifact looks for that label, so names made to collide cost nothing.
 */
function byLabel(list: readonly ResourceDescriptor[]): Artifacts {
  const artifacts = new Map<string, ArtifactDigests>();
  for (const [index, { name, uri, digest }] of list.entries()) {
    const own = digestLabel(digest);
    if (own === undefined) continue;
    const isTaken = (label: string): boolean => {
      const earlier = artifacts.get(label);
      return earlier !== undefined && !sameDigests(earlier, digest);
    };
    let label = (name === UNNAMED ? undefined : name) ?? uri ?? own;
    if (isTaken(label)) label = `${label}@${own}`;
    while (isTaken(label)) label = `${label}#${index}`;
    artifacts.set(label, digest);
  }
  return artifacts;
}
