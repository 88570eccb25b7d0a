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
import type { Envelope } from "./envelope.ts";
import { InTotoError } from "./error.ts";
import { checkLimit, DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { checkStepName, quote } from "./names.ts";
import { type ArtifactRule, readRules } from "./rule.ts";
import { checkPayloadType } from "./unsupported.ts";

/** A step that functionaries carry out (in-toto 4.3.1). */
export interface Step {
  readonly name: string;
  /** How many distinct public keys must report the same materials and products. */
  readonly threshold: number;
  /** The key ids that the step names, as written. */
  readonly keyIds: readonly KeyId[];
  /** Those of them that the layout defines and that can be used. */
  readonly keys: ReadonlyMap<KeyId, PublicKey>;
  readonly expectedMaterials: readonly ArtifactRule[];
  readonly expectedProducts: readonly ArtifactRule[];
  readonly expectedCommand: readonly string[];
  /** How many certificate constraints there are (Go only; not verified yet). */
  readonly certificateConstraints: number;
}

/** An inspection (in-toto 4.3.2): a command for the verifier. Never run by Stemma. */
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
  /** Keys that are never counted, with the reason. */
  readonly unusableKeys: ReadonlyMap<KeyId, UnusableKey>;
  readonly steps: readonly Step[];
  readonly inspections: readonly Inspection[];
  /** How many root and intermediate certificates there are (Go only; not verified yet). */
  readonly certificateAuthorities: number;
}

export interface UnusableKey {
  readonly code: string;
  readonly message: string;
}

/**
 * Reads the layout in an envelope, strictly. Says nothing about its signatures or its age.
 *
 * Throws `wrong_document`, `bad_expires`, `bad_name`, `duplicate_name`, `invalid_threshold`, `bad_rule`,
 * `key_id_mismatch`, `private_key_exposed`, `limit_exceeded`, and EncodingError for its shape.
 */
export function readLayout(envelope: Envelope, limits: InTotoLimits = DEFAULT_LIMITS): Layout {
  const { payload } = envelope;
  checkPayloadType(payload, "layout");
  const keys = new Map<KeyId, PublicKey>();
  const unusableKeys = new Map<KeyId, UnusableKey>();
  readKeys(member(payload, "keys", "The layout"), keys, unusableKeys, limits);

  const names = new Set<string>();
  const stepList = asArray(member(payload, "steps", "The layout"), "steps");
  const inspectList = asArray(payload.get("inspect") ?? [], "inspect");
  checkLimit(stepList.length + inspectList.length, limits.steps, "The layout", "steps and inspections");
  return {
    expires: readExpires(asString(member(payload, "expires", "The layout"), "expires")),
    readme: asString(payload.get("readme") ?? "", "readme"),
    keys,
    unusableKeys,
    steps: stepList.map((item, index) => readStep(item, `steps[${index}]`, keys, names, limits)),
    inspections: inspectList.map((item, index) => readInspection(item, `inspect[${index}]`, names, limits)),
    certificateAuthorities: count(payload, "rootcas") + count(payload, "intermediatecas"),
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

function readKeys(
  value: JsonValue,
  keys: Map<KeyId, PublicKey>,
  unusable: Map<KeyId, UnusableKey>,
  limits: InTotoLimits,
): void {
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
    try {
      keys.set(keyId, readPublicKey(key, where));
    } catch (error) {
      // A key that cannot be used counts for nothing; steps that do not need it are not harmed (N-05).
      if (!(error instanceof StemmaError)) throw error;
      unusable.set(keyId, { code: error.code, message: error.message });
    }
  }
}

function readStep(
  value: JsonValue,
  where: string,
  layoutKeys: ReadonlyMap<KeyId, PublicKey>,
  names: Set<string>,
  limits: InTotoLimits,
): Step {
  const step = asObject(value, where);
  const name = readName(step, "step", where, names);
  const list = asArray(member(step, "pubkeys", where), `${where}.pubkeys`);
  checkLimit(list.length, limits.keysPerStep, where, "keys");
  const keyIds = list.map((item) => asKeyId(asString(item, `${where}.pubkeys`), `${where}.pubkeys`));
  const keys = new Map<KeyId, PublicKey>();
  for (const keyId of keyIds) {
    const key = layoutKeys.get(keyId);
    if (key !== undefined) keys.set(keyId, key);
  }
  const certificateConstraints = asArray(
    step.get("cert_constraints") ?? [],
    `${where}.cert_constraints`,
  ).length;
  return {
    name,
    threshold: readThreshold(step, where, keys, certificateConstraints > 0),
    keyIds,
    keys,
    expectedMaterials: readRules(step.get("expected_materials"), `${where}.expected_materials`, limits),
    expectedProducts: readRules(step.get("expected_products"), `${where}.expected_products`, limits),
    expectedCommand: readWords(step.get("expected_command"), `${where}.expected_command`),
    certificateConstraints,
  };
}

/**
 * A threshold is at least 1, and at most the number of distinct public keys that can be counted toward it: the same
 * key under two key ids is one (N-02, N-03).
 */
function readThreshold(
  step: JsonObject,
  where: string,
  keys: ReadonlyMap<KeyId, PublicKey>,
  open: boolean,
): number {
  const threshold = member(step, "threshold", where);
  if (typeof threshold !== "number" || !Number.isSafeInteger(threshold) || threshold < 1) {
    throw new InTotoError("invalid_threshold", `${where}.threshold must be an integer of at least 1.`);
  }
  const distinct = new Set([...keys.values()].map((key) => key.fingerprint)).size;
  if (!open && threshold > distinct) {
    throw new InTotoError(
      "invalid_threshold",
      `${where}.threshold is ${threshold}, but the step names ${distinct} distinct public keys that can be used.`,
    );
  }
  return threshold;
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

function count(payload: JsonObject, name: string): number {
  return asObject(payload.get(name) ?? new Map(), name).size;
}
