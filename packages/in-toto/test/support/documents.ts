import type { Signer } from "@stemma/crypto";
import { asObject, fromPlain, jsonObject, writeJson } from "@stemma/encoding";
import { type EnvelopeFormat, PREDICATES_VERSION, signPayload } from "../../src/index.ts";
import { EXPIRES, hashOf } from "./chain.ts";

type Json = Record<string, unknown>;

/** A layout's payload as plain JSON, with what `writeLayout` has no words for. */
export function rawLayout(keys: readonly Signer[], steps: readonly Json[], more: Json = {}): Json {
  return {
    _type: "layout",
    expires: EXPIRES.toISOString().replace(".000Z", "Z"),
    readme: "",
    keys: Object.fromEntries(keys.map(({ publicKey }) => [publicKey.keyId, plainKey(publicKey)])),
    inspect: [],
    steps: steps.map(rawStep),
    ...(steps.some((step) => "expected_predicates" in step)
      ? { expected_predicates_version: PREDICATES_VERSION }
      : {}),
    ...more,
  };
}

function plainKey(key: Signer["publicKey"]): Json {
  return JSON.parse(new TextDecoder().decode(writeJson(key.toJson())));
}

function rawStep(step: Json): Json {
  return {
    _type: "step",
    threshold: 1,
    pubkeys: [],
    expected_materials: [],
    expected_products: [],
    expected_command: [],
    ...step,
  };
}

export const idOf = (signer: Signer): string => signer.publicKey.keyId;

/** Signs plain JSON as a layout or a link. */
export function signRaw(
  payload: Json,
  signers: readonly Signer[],
  format: EnvelopeFormat = "dsse",
): Promise<Uint8Array> {
  return signPayload(asObject(fromPlain(payload), "payload"), signers, format);
}

export const TYPES = {
  provenance: "https://slsa.dev/provenance/v1",
  test: "https://in-toto.io/attestation/test-result/v0.1",
  link: "https://in-toto.io/attestation/link/v0.3",
  vsa: "https://slsa.dev/verification_summary/v1",
  own: "https://example.com/review/v1",
} as const;

/** A subject or a dependency from the content of the artifact. */
export const about = (name: string, content: string): Json => ({ name, digest: { sha256: hashOf(content) } });

/** A statement about artifacts. */
export function statement(predicateType: string, subject: readonly Json[], predicate: unknown = {}): Json {
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate };
}

/** Provenance of SLSA v1 by a builder, from dependencies. */
export function provenance(subject: readonly Json[], from: readonly Json[], builder = "https://ci"): Json {
  return statement(TYPES.provenance, subject, {
    buildDefinition: {
      buildType: "https://example.com/make",
      externalParameters: { ref: "main" },
      resolvedDependencies: from,
    },
    runDetails: { builder: { id: builder } },
  });
}

export function testResult(subject: readonly Json[], result: string): Json {
  return statement(TYPES.test, subject, { result, configuration: [about("suite", "tests")] });
}

/** An empty link's payload, as JSON. */
export const NOTHING = jsonObject({});
