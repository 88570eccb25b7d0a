import type { KeyId, PublicKey, SignatureEntry, Signer } from "@stemma/crypto";
import {
  asArray,
  asObject,
  canonicalJson,
  encodeBase64,
  encodeHex,
  type JsonObject,
  type JsonValue,
  jsonObject,
  pae,
  parseJson,
  writeJson,
} from "@stemma/encoding";
import { type EnvelopeFormat, PAYLOAD_TYPE, readEnvelope } from "./envelope.ts";
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

export interface StepContent {
  readonly name: string;
  readonly threshold: number;
  readonly functionaries: readonly PublicKey[];
  readonly expectedMaterials?: readonly (readonly string[])[];
  readonly expectedProducts?: readonly (readonly string[])[];
  readonly expectedCommand?: readonly string[];
}

/** The content of a layout to be written (in-toto 4.3). The keys are those of the steps. */
export interface LayoutContent {
  readonly expires: Date;
  readonly readme?: string;
  readonly steps: readonly StepContent[];
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
  const keys = new Map<string, JsonValue>();
  for (const step of layout.steps) for (const key of step.functionaries) keys.set(key.keyId, layoutKey(key));
  const payload = jsonObject({
    _type: "layout",
    expires: layout.expires.toISOString().replace(/\.\d{3}Z$/, "Z"),
    inspect: [],
    keys,
    readme: layout.readme ?? "",
    steps: layout.steps.map((step) =>
      jsonObject({
        _type: "step",
        expected_command: step.expectedCommand ?? [],
        expected_materials: step.expectedMaterials ?? [],
        expected_products: step.expectedProducts ?? [],
        name: step.name,
        pubkeys: step.functionaries.map((key) => key.keyId),
        threshold: step.threshold,
      }),
    ),
  });
  readLayout(readEnvelope(assembleEnvelope(payload, "dsse", [])));
  return payload;
}

/**
 * A key as a layout holds it. Python takes no key that does not name itself, and Go verifies a metablock only when its
 * keys have every member that Go would write.
 */
function layoutKey(key: PublicKey): JsonObject {
  const members = { keyid: key.keyId, keyid_hash_algorithms: ["sha256", "sha512"] };
  return new Map([...jsonObject(members), ...key.toJson()]);
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

/**
 * The same envelope with the signers' signatures added, in place of any that those key ids already had. The payload
 * stays byte for byte what the others signed. Throws as `readEnvelope`.
 */
export async function addSignatures(bytes: Uint8Array, signers: readonly Signer[]): Promise<Uint8Array> {
  const { format, message } = readEnvelope(bytes);
  const added = await signAll(message, signers);
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
    })),
  );
}

function writeSignature({ keyId, signature }: SignatureEntry, format: EnvelopeFormat): JsonObject {
  const sig = format === "dsse" ? encodeBase64(signature) : encodeHex(signature);
  return jsonObject({ keyid: keyId, sig });
}
