import { asArray, asObject, asString, type JsonObject, type JsonValue, member } from "@stemma/encoding";
import { type AttributeRule, readAttributeRules } from "./attributes.ts";
import { type Authorities, readConstraints } from "./authorities.ts";
import { InTotoError } from "./error.ts";
import { type DefinedKeys, type FunctionarySet, readFunctionaries, readThreshold } from "./functionaries.ts";
import { checkLimit, type InTotoLimits } from "./limits.ts";
import { quote } from "./names.ts";

/**
 * The form of `expected_predicates` that a layout uses. ITE-10 and ITE-11 are drafts and still change, so a layout says
 * which form it means, and one that says anything else is refused (docs/decisions/0012).
 */
export const PREDICATES_VERSION = "https://stemma.dev/expected-predicates/v1";

/** Attestations that a step needs: of one predicate type, by these functionaries, with these attributes (ITE-10, ITE-11). */
export interface ExpectedPredicate extends FunctionarySet {
  /** Compared letter by letter. */
  readonly predicateType: string;
  /** How many distinct functionaries must attest it. */
  readonly threshold: number;
  readonly attributes: readonly AttributeRule[];
}

const MEMBERS: ReadonlySet<string> = new Set([
  "predicateType",
  "functionaries",
  "threshold",
  "cert_constraints",
  "expectedAttributes",
]);

/**
 * Reads `expected_predicates` of a step. Throws `bad_expected_predicate`, `bad_attribute_rule`, `invalid_threshold`,
 * `limit_exceeded`.
 */
export function readExpectedPredicates(
  value: JsonValue | undefined,
  defined: DefinedKeys & { readonly authorities: Authorities },
  where: string,
  limits: InTotoLimits,
): readonly ExpectedPredicate[] {
  const list = asArray(value ?? [], where);
  checkLimit(list.length, limits.predicatesPerStep, where, "expected predicates");
  const types = new Set<string>();
  return list.map((item, index) => {
    const predicate = readOne(asObject(item, `${where}[${index}]`), defined, `${where}[${index}]`, limits);
    if (types.has(predicate.predicateType)) {
      throw new InTotoError(
        "bad_expected_predicate",
        `${where} expects ${quote(predicate.predicateType)} twice; put the attributes together.`,
      );
    }
    types.add(predicate.predicateType);
    return predicate;
  });
}

function readOne(
  object: JsonObject,
  defined: DefinedKeys & { readonly authorities: Authorities },
  where: string,
  limits: InTotoLimits,
): ExpectedPredicate {
  for (const name of object.keys()) {
    if (!MEMBERS.has(name)) {
      throw new InTotoError(
        "bad_expected_predicate",
        `${where} has the member ${quote(name)}, which is not known.`,
      );
    }
  }
  const predicateType = asString(member(object, "predicateType", where), `${where}.predicateType`);
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]{1,512}$/.test(predicateType)) {
    throw new InTotoError("bad_expected_predicate", `${where}.predicateType must be a URI.`);
  }
  const set = readFunctionaries(
    member(object, "functionaries", where),
    readConstraints(object.get("cert_constraints"), defined.authorities, `${where}.cert_constraints`, limits),
    defined,
    `${where}.functionaries`,
    limits,
  );
  return {
    ...set,
    predicateType,
    threshold: readThreshold(member(object, "threshold", where), set, where),
    attributes: readAttributeRules(object.get("expectedAttributes"), `${where}.expectedAttributes`),
  };
}
