import { asKeyId, type KeyId, type PublicKey, readPublicKey } from "@stemma/crypto";
import {
  asArray,
  asObject,
  asString,
  type JsonObject,
  type JsonValue,
  member,
  StemmaError,
} from "@stemma/encoding";
import { type Authorities, readAuthorities, readConstraints } from "./authorities.ts";
import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import { type ExpectedPredicate, PREDICATES_VERSION, readExpectedPredicates } from "./expected-predicate.ts";
import {
  type FunctionarySet,
  type KeylessIdentity,
  readFunctionaries,
  readKeyless,
  readThreshold,
} from "./functionaries.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { checkStepName, quote } from "./names.ts";
import { checkPayloadType } from "./payload.ts";
import { type ArtifactRule, readRules } from "./rule.ts";

/**
 * A step that functionaries carry out (in-toto 4.3.1). Either links of its functionaries stand for it, or attestations
 * of the expected predicates; with those, the set of functionaries is empty.
 */
export interface Step extends FunctionarySet {
  readonly name: string;
  /** How many distinct functionaries must report the same materials and products. */
  readonly threshold: number;
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
  readonly expectedCommand: readonly string[];
  /** The first of them says what the step's materials and products are; the others are about its products. */
  readonly expectedPredicates: readonly ExpectedPredicate[];
}

/** An inspection (in-toto 4.3.2): a command for the verifier, which no service ever runs. */
export interface Inspection {
  readonly name: string;
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
  readonly run: readonly string[];
}

/** What the project's owners ask of an artifact's making (in-toto 4.3). */
export interface Layout {
  /** The first moment at which the layout no longer holds. */
  readonly expires: Date;
  readonly readme: string;
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly identities: ReadonlyMap<KeyId, KeylessIdentity>;
  /** Keys that are never counted, with the reason. */
  readonly unusableKeys: ReadonlyMap<KeyId, UnusableKey>;
  readonly steps: readonly Step[];
  readonly inspections: readonly Inspection[];
  readonly authorities: Authorities;
}

export interface UnusableKey {
  readonly code: string;
  readonly message: string;
}

/**
 * Reads the layout in an envelope, strictly. Says nothing about its signatures or its age.
 *
 * Throws `wrong_document`, `bad_expires`, `bad_name`, `duplicate_name`, `invalid_threshold`, `bad_rule`,
 * `key_id_mismatch`, `private_key_exposed`, `bad_identity`, `bad_authority`, `bad_constraint`, `bad_expected_predicate`,
 * `bad_attribute_rule`, `unsupported_layout_version`, `limit_exceeded`, and EncodingError for its shape.
 */
export function readLayout(envelope: Envelope, limits: InTotoLimits = DEFAULT_LIMITS): Layout {
  const { payload } = envelope;
  checkPayloadType(envelope, "layout");
  const keys = readKeys(member(payload, "keys", "The layout"), limits);
  const defined = { ...keys, authorities: readAuthorities(payload, limits) };

  const names = new Set<string>();
  const stepList = asArray(member(payload, "steps", "The layout"), "steps");
  const inspectList = asArray(payload.get("inspect") ?? [], "inspect");
  checkLimit(stepList.length + inspectList.length, limits.steps, "The layout", "steps and inspections");
  return {
    expires: readExpires(asString(member(payload, "expires", "The layout"), "expires")),
    readme: asString(payload.get("readme") ?? "", "readme"),
    ...defined,
    steps: readSteps(stepList, payload.get("expected_predicates_version"), defined, names, limits),
    inspections: inspectList.map((item, index) => readInspection(item, `inspect[${index}]`, names, limits)),
  };
}

const EXPIRES = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/;

/** Reads `YYYY-MM-DDTHH:MM:SSZ`, a real moment and nothing else (N-16). Throws `bad_expires`. */
export function readExpires(text: string): Date {
  const date = new Date(text);
  // The way back catches what Date is generous about: 30 February, 24:00:00.
  if (
    !EXPIRES.test(text) ||
    Number.isNaN(date.getTime()) ||
    date.toISOString() !== text.replace("Z", ".000Z")
  ) {
    throw new InTotoError(
      "bad_expires",
      `The layout expires at ${quote(text)}, which is not a moment written as YYYY-MM-DDTHH:MM:SSZ.`,
    );
  }
  return date;
}

type Keys = Pick<Layout, "keys" | "identities" | "unusableKeys">;
type Defined = Pick<Layout, "keys" | "identities" | "authorities">;

function readKeys(value: JsonValue, limits: InTotoLimits): Keys {
  const keys = new Map<KeyId, PublicKey>();
  const identities = new Map<KeyId, KeylessIdentity>();
  const unusableKeys = new Map<KeyId, UnusableKey>();
  const object = asObject(value, "keys");
  checkLimit(object.size, limits.keys, "The layout", "keys");
  for (const [label, item] of object) {
    const where = `keys[${quote(label)}]`;
    const keyId = asKeyId(label, where);
    const key = asObject(item, where);
    const own = key.get("keyid");
    if (own !== undefined && own !== label) {
      throw new InTotoError("key_id_mismatch", `${where} says that its own key id is another one.`);
    }
    const keyval = key.get("keyval");
    if (keyval instanceof Map && (keyval as JsonObject).get("private")) {
      throw new InTotoError("private_key_exposed", `${where} holds a private key; replace that key.`);
    }
    const identity = readKeyless(key, where);
    if (identity !== undefined) {
      identities.set(keyId, identity);
      continue;
    }
    try {
      keys.set(keyId, readPublicKey(key, where));
    } catch (error) {
      // A key that cannot be used counts for nothing; steps that do not need it are not harmed (N-05).
      if (!(error instanceof StemmaError)) throw error;
      unusableKeys.set(keyId, { code: error.code, message: error.message });
    }
  }
  return { keys, identities, unusableKeys };
}

/** A form of expected predicates that is not known asks for something that would not be checked (N-44). */
function readSteps(
  list: readonly JsonValue[],
  version: JsonValue | undefined,
  defined: Defined,
  names: Set<string>,
  limits: InTotoLimits,
): readonly Step[] {
  const steps = list.map((item, index) => readStep(item, `steps[${index}]`, defined, names, limits));
  const expects = steps.some((step) => step.expectedPredicates.length > 0);
  if (expects ? version !== PREDICATES_VERSION : version !== undefined && version !== PREDICATES_VERSION) {
    throw new InTotoError(
      "unsupported_layout_version",
      `A layout with expected_predicates must have "expected_predicates_version": "${PREDICATES_VERSION}".`,
    );
  }
  return steps;
}

function readStep(
  value: JsonValue,
  where: string,
  defined: Defined,
  names: Set<string>,
  limits: InTotoLimits,
): Step {
  const step = asObject(value, where);
  const name = readName(step, "step", where, names);
  const expectedPredicates = readExpectedPredicates(
    step.get("expected_predicates"),
    defined,
    `${where}.expected_predicates`,
    limits,
  );
  const set = readFunctionaries(
    member(step, "pubkeys", where),
    readConstraints(step.get("cert_constraints"), defined.authorities, `${where}.cert_constraints`, limits),
    defined,
    `${where}.pubkeys`,
    limits,
  );
  const threshold = member(step, "threshold", where);
  if (expectedPredicates.length > 0 && (set.keyIds.length + set.constraints.length > 0 || threshold !== 1)) {
    // Whoever does not know expected predicates then finds nobody to sign the step, and denies.
    throw new InTotoError(
      "bad_expected_predicate",
      `${where} expects predicates, so its pubkeys must be empty and its threshold 1; each predicate has its own.`,
    );
  }
  return {
    ...set,
    name,
    threshold: expectedPredicates[0]?.threshold ?? readThreshold(threshold, set, where),
    expectedMaterials: readRules(step.get("expected_materials"), `${where}.expected_materials`, limits),
    expectedProducts: readRules(step.get("expected_products"), `${where}.expected_products`, limits),
    expectedCommand: readWords(step.get("expected_command"), `${where}.expected_command`),
    expectedPredicates,
  };
}

function readInspection(
  value: JsonValue,
  where: string,
  names: Set<string>,
  limits: InTotoLimits,
): Inspection {
  const inspection = asObject(value, where);
  return {
    name: readName(inspection, "inspection", where, names),
    expectedMaterials: readRules(inspection.get("expected_materials"), `${where}.expected_materials`, limits),
    expectedProducts: readRules(inspection.get("expected_products"), `${where}.expected_products`, limits),
    run: readWords(inspection.get("run"), `${where}.run`),
  };
}

function readName(item: JsonObject, type: string, where: string, names: Set<string>): string {
  if (item.get("_type") !== type) {
    throw new InTotoError("wrong_document", `${where} must have the _type ${quote(type)}.`);
  }
  const name = asString(member(item, "name", where), `${where}.name`);
  checkStepName(name, `${where}.name`);
  if (names.has(name)) {
    throw new InTotoError(
      "duplicate_name",
      `${where} is named ${quote(name)}, and so is an earlier step or inspection.`,
    );
  }
  names.add(name);
  return name;
}

function readWords(value: JsonValue | undefined, where: string): readonly string[] {
  return asArray(value ?? [], where).map((word) => asString(word, `${where}: every word`));
}
