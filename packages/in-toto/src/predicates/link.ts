import { z } from "zod";
import { anyObject, descriptor, list, object, text } from "./schema.ts";

export const LINK_TYPE = "https://in-toto.io/attestation/link/v0.3";

/** A link as an attestation; its subjects are its products (in-toto attestation, Link 0.3). */
export const link = object({
  name: text,
  command: list(z.string()).nullish(),
  materials: list(descriptor).nullish(),
  byproducts: anyObject.nullish(),
  environment: anyObject.nullish(),
});
