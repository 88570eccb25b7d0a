import { asArray, asObject, asString, type JsonObject, member } from "@stemma/encoding";
import { type Artifacts, readArtifacts } from "./artifacts.ts";
import type { Envelope } from "./envelope.ts";
import { DEFAULT_LIMITS, type InTotoLimits } from "./limits.ts";
import { checkStepName } from "./names.ts";
import { checkPayloadType } from "./payload.ts";

/** What a functionary says was done in a step (in-toto 4.4). */
export interface Link {
  readonly name: string;
  readonly command: readonly string[];
  readonly materials: Artifacts;
  readonly products: Artifacts;
  /** Opaque, as the functionary wrote them. */
  readonly byproducts: JsonObject;
  readonly environment: JsonObject;
}

const NOTHING: JsonObject = new Map();

/**
 * Reads the link in an envelope. Says nothing about its signatures.
 *
 * Throws `wrong_document` or an `unsupported_…` code for other payloads, `path_not_normal`, `bad_artifact_digest`,
 * `weak_artifact_digest`, `bad_name` or `limit_exceeded` for what it holds, and EncodingError for its shape.
 */
export function readLink(envelope: Envelope, limits: InTotoLimits = DEFAULT_LIMITS): Link {
  const { payload } = envelope;
  checkPayloadType(envelope, "link");
  const name = asString(member(payload, "name", "The link"), "The link's name");
  checkStepName(name, "The link's name");
  // Go writes null for a command that there is none of.
  const command = asArray(payload.get("command") ?? [], "The link's command");
  return {
    name,
    command: command.map((word) => asString(word, "Every word of the command")),
    materials: readArtifacts(member(payload, "materials", "The link"), "materials", limits),
    products: readArtifacts(member(payload, "products", "The link"), "products", limits),
    byproducts: asObject(payload.get("byproducts") ?? NOTHING, "The link's byproducts"),
    environment: asObject(payload.get("environment") ?? NOTHING, "The link's environment"),
  };
}

/** The step that a link claims to be of, without reading the rest; undefined when there is none to read. */
export function claimedStep(payload: JsonObject): string | undefined {
  const name = payload.get("name");
  return payload.get("_type") === "link" && typeof name === "string" ? name : undefined;
}
