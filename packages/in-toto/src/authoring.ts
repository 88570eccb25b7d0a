import type { CertificateConstraint, KeyId, PublicKey, SignatureEntry, Signer } from "@stemma/crypto";
import {
  asArray,
  asObject,
  canonicalJson,
  encodeBase64,
  encodeHex,
  fromPlain,
  type JsonObject,
  type JsonValue,
  jsonObject,
  pae,
  parseJson,
  writeJson,
} from "@stemma/encoding";
import type { Scalar } from "./attribute-rule.ts";
import { readAuthority } from "./authorities.ts";
import { type EnvelopeFormat, PAYLOAD_TYPE, readEnvelope } from "./envelope.ts";
import { PREDICATES_VERSION } from "./expected-predicate.ts";
import { type KeylessIdentity, keylessKey } from "./functionaries.ts";
import { readLayout } from "./layout.ts";
import { readLink } from "./link.ts";

/** The content of a link to be written (in-toto 4.4). */
export interface LinkContent {
  readonly name: string;
  readonly command: readonly string[];
  readonly materials: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly products: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly byproducts?: JsonObject;
  readonly environment?: JsonObject;
}

/** Whoever may sign: the holder of a key, or a Sigstore identity. */
export type FunctionaryContent = PublicKey | Pick<KeylessIdentity, "issuer" | "identity">;

/** Whoever may sign for a step, or attest one of its predicates, and how many of them must. */
export interface SigningContent {
  readonly functionaries: readonly FunctionaryContent[];
  readonly threshold: number;
  /** Holders of certificates under the layout's authorities. An attribute that is left out must be absent. */
  readonly constraints?: readonly Partial<CertificateConstraint>[];
}

export interface StepContent extends SigningContent {
  readonly name: string;
  readonly expectedMaterials?: readonly (readonly string[])[];
  readonly expectedProducts?: readonly (readonly string[])[];
  readonly expectedCommand?: readonly string[];
  /** With these, the step itself has no functionaries, no constraints, and the threshold 1. */
  readonly expectedPredicates?: readonly PredicateContent[];
}

/** An attestation that a step needs, in the form of `PREDICATES_VERSION`. */
export interface PredicateContent extends SigningContent {
  readonly predicateType: string;
  readonly attributes?: readonly AttributeContent[];
}

/** What is asked of an attestation, as `readAttributeRules` reads it: a place and exactly one operator. */
export interface AttributeContent {
  readonly at: string;
  readonly equals?: Scalar;
  readonly oneOf?: readonly Scalar[];
  readonly glob?: string;
  readonly exists?: boolean;
  readonly atLeast?: number | bigint;
  readonly atMost?: number | bigint;
  readonly size?: { readonly min?: number; readonly max?: number };
  readonly allowEmpty?: boolean;
}

/** The content of a layout to be written (in-toto 4.3). The keys are those of the steps. */
export interface LayoutContent {
  readonly expires: Date;
  readonly readme?: string;
  readonly steps: readonly StepContent[];
  /** Certificates in PEM, by the labels that constraints name them by. */
  readonly authorities?: {
    readonly roots: Readonly<Record<string, string>>;
    readonly intermediates?: Readonly<Record<string, string>>;
  };
}

/** The payload of a link, checked by the same reader that verifiers use. Throws as `readLink`. */
export function writeLink(link: LinkContent): JsonObject {
  const payload = jsonObject({
    _type: "link",
    byproducts: link.byproducts ?? new Map(),
    command: link.command,
    environment: link.environment ?? new Map(),
    materials: link.materials,
    name: link.name,
    products: link.products,
  });
  readLink(readEnvelope(assembleEnvelope(payload, "dsse", [])));
  return payload;
}

/** The payload of a layout, checked by the same reader that verifiers use. Throws as `readLayout`. */
export function writeLayout(layout: LayoutContent): JsonObject {
  const { steps, authorities } = layout;
  const keys = new Map<string, JsonValue>();
  for (const { functionaries } of steps.flatMap((step) => [step, ...(step.expectedPredicates ?? [])])) {
    for (const one of functionaries) {
      const { keyId, json } = keyOf(one);
      keys.set(keyId, json);
    }
  }
  const expectsPredicates = steps.some(({ expectedPredicates = [] }) => expectedPredicates.length > 0);
  const payload = jsonObject({
    _type: "layout",
    expected_predicates_version: expectsPredicates ? PREDICATES_VERSION : undefined,
    expires: layout.expires.toISOString().replace(/\.\d{3}Z$/, "Z"),
    inspect: [],
    intermediatecas: writeAuthorities(authorities?.intermediates),
    keys,
    readme: layout.readme ?? "",
    rootcas: writeAuthorities(authorities?.roots),
    steps: steps.map(writeStep),
  });
  readLayout(readEnvelope(assembleEnvelope(payload, "dsse", [])));
  return payload;
}

function writeStep(step: StepContent): JsonObject {
  return jsonObject({
    _type: "step",
    cert_constraints: writeConstraints(step),
    expected_command: step.expectedCommand ?? [],
    expected_materials: step.expectedMaterials ?? [],
    expected_predicates: step.expectedPredicates?.map(writePredicate),
    expected_products: step.expectedProducts ?? [],
    name: step.name,
    pubkeys: step.functionaries.map((one) => keyOf(one).keyId),
    threshold: step.threshold,
  });
}

function writePredicate(predicate: PredicateContent): JsonObject {
  return jsonObject({
    cert_constraints: writeConstraints(predicate),
    expectedAttributes: predicate.attributes?.map(fromPlain),
    functionaries: predicate.functionaries.map((one) => keyOf(one).keyId),
    predicateType: predicate.predicateType,
    threshold: predicate.threshold,
  });
}

function keyOf(one: FunctionaryContent): { readonly keyId: KeyId; readonly json: JsonObject } {
  return "issuer" in one ? keylessKey(one.issuer, one.identity) : { keyId: one.keyId, json: layoutKey(one) };
}

/** Every attribute, because Go would write every one of them, and verifies a metablock only as it would write it. */
function writeConstraints({ constraints = [] }: SigningContent): JsonValue | undefined {
  if (constraints.length === 0) return undefined;
  return constraints.map((constraint) =>
    jsonObject({
      common_name: constraint.commonName ?? "",
      dns_names: constraint.dnsNames ?? [],
      emails: constraint.emails ?? [],
      organizations: constraint.organizations ?? [],
      roots: constraint.roots ?? [],
      uris: constraint.uris ?? [],
    }),
  );
}

/** Key objects with a certificate, complete for the same reason. */
function writeAuthorities(certificates: Readonly<Record<string, string>> = {}): JsonValue | undefined {
  const authorities = Object.entries(certificates).map(([label, pem]): [string, JsonObject] => {
    const certificate = jsonObject({ certificate: pem });
    const { publicKey } = readAuthority(jsonObject({ keyval: certificate }), `The certificate ${label}`);
    const key = publicKey.toJson();
    const keyval = new Map([...asObject(key.get("keyval"), "keyval"), ...certificate]);
    return [label, new Map([...jsonObject(keyMembers(label)), ...key, ["keyval", keyval] as const])];
  });
  return authorities.length === 0 ? undefined : new Map(authorities);
}

/**
 * A key as a layout holds it. Python takes no key that does not name itself, and Go verifies a metablock only when its
 * keys have every member that Go would write.
 */
function layoutKey(key: PublicKey): JsonObject {
  return new Map([...jsonObject(keyMembers(key.keyId)), ...key.toJson()]);
}

function keyMembers(keyId: string): Record<string, JsonValue> {
  return { keyid: keyId, keyid_hash_algorithms: ["sha256", "sha512"] };
}

/** Writes a link and signs it. */
export function signLink(
  link: LinkContent,
  signers: readonly Signer[],
  format: EnvelopeFormat = "dsse",
): Promise<Uint8Array> {
  return signPayload(writeLink(link), signers, format);
}

/** Writes a layout and signs it. */
export function signLayout(
  layout: LayoutContent,
  signers: readonly Signer[],
  format: EnvelopeFormat = "dsse",
): Promise<Uint8Array> {
  return signPayload(writeLayout(layout), signers, format);
}

/** Signs a payload with every signer; each under its modern key id. */
export async function signPayload(
  payload: JsonObject,
  signers: readonly Signer[],
  format: EnvelopeFormat = "dsse",
): Promise<Uint8Array> {
  return assembleEnvelope(payload, format, await signAll(signingMessage(payload, format), signers));
}

/** The bytes to be signed, for a ceremony whose signers are elsewhere. */
export function signingMessage(payload: JsonObject, format: EnvelopeFormat): Uint8Array {
  return format === "dsse" ? pae(PAYLOAD_TYPE, writeJson(payload)) : canonicalJson(payload);
}

/** The envelope of a payload and of signatures over its `signingMessage`. */
export function assembleEnvelope(
  payload: JsonObject,
  format: EnvelopeFormat,
  signatures: readonly SignatureEntry[],
): Uint8Array {
  const envelope =
    format === "dsse"
      ? jsonObject({
          payload: encodeBase64(writeJson(payload)),
          payloadType: PAYLOAD_TYPE,
          signatures: signatures.map((entry) => writeSignature(entry, "dsse")),
        })
      : jsonObject({
          signatures: signatures.map((entry) => writeSignature(entry, "metablock")),
          signed: payload,
        });
  return writeJson(envelope);
}

/** How signatures are added. */
export interface AddOptions {
  /**
   * Whether each signature is given under every key id that in-toto implementations compute for the key. Others find a
   * key that they are given as a file by its id alone, and their ids differ (docs/divergences.md, I-17).
   */
  readonly everyKeyId?: boolean;
}

/**
 * The same envelope with the signers' signatures added, in place of any that those key ids already had. The payload
 * stays byte for byte what the others signed. Throws as `readEnvelope`.
 */
export async function addSignatures(
  bytes: Uint8Array,
  signers: readonly Signer[],
  { everyKeyId = false }: AddOptions = {},
): Promise<Uint8Array> {
  const { format, message } = readEnvelope(bytes);
  const signed = await signAll(message, signers);
  const added = everyKeyId
    ? signed.flatMap((entry, index) => underEveryKeyId(entry, signers[index]))
    : signed;
  const names = new Set<JsonValue>(added.map((entry): KeyId => entry.keyId));
  const envelope = new Map(asObject(parseJson(bytes), "The envelope"));
  const kept = asArray(envelope.get("signatures"), "signatures").filter(
    (signature) => !names.has(asObject(signature, "A signature").get("keyid") ?? null),
  );
  envelope.set("signatures", [...kept, ...added.map((entry) => writeSignature(entry, format))]);
  return writeJson(envelope);
}

function signAll(message: Uint8Array, signers: readonly Signer[]): Promise<SignatureEntry[]> {
  return Promise.all(
    signers.map(async (signer) => ({
      keyId: signer.publicKey.keyId,
      signature: await signer.sign(message),
      ...(signer.certificate === undefined ? {} : { certificate: signer.certificate }),
    })),
  );
}

function underEveryKeyId(entry: SignatureEntry, signer: Signer | undefined): SignatureEntry[] {
  if (signer === undefined) return [entry];
  const { keyId, legacyKeyId, pemKeyId } = signer.publicKey;
  return [...new Set([keyId, legacyKeyId, pemKeyId])].map((id) => ({ ...entry, keyId: id }));
}

function writeSignature(
  { keyId, signature, certificate }: SignatureEntry,
  format: EnvelopeFormat,
): JsonObject {
  const sig = format === "dsse" ? encodeBase64(signature) : encodeHex(signature);
  return jsonObject({ keyid: keyId, sig, cert: certificate });
}
