import { anyObject, descriptor, list, object, text } from "./schema.ts";

export const SCAI_TYPE = "https://in-toto.io/attestation/scai/v0.3";

/** Attributes of an artifact and of whoever made it (in-toto attestation, SCAI 0.3). */
export const scai = object({
  attributes: list(
    object({
      attribute: text,
      target: descriptor.nullish(),
      conditions: anyObject.nullish(),
      evidence: descriptor.nullish(),
    }),
  ).refine((all) => all.length > 0, { error: "must not be empty" }),
  producer: descriptor.nullish(),
});
