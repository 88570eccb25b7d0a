import { z } from "zod";
import { anyObject, descriptor, digestSet, list, object, text } from "./schema.ts";

export const PROVENANCE_TYPE = "https://slsa.dev/provenance/v1";
export const PROVENANCE_02_TYPE = "https://slsa.dev/provenance/v0.2";

/** How artifacts were built (SLSA 1.2, Build: Provenance). Unset, null and empty are the same there. */
export const provenance = object({
  buildDefinition: object({
    buildType: text,
    externalParameters: anyObject,
    internalParameters: anyObject.nullish(),
    resolvedDependencies: list(descriptor).nullish(),
  }),
  runDetails: object({
    builder: object({ id: text }),
    metadata: anyObject.nullish(),
    byproducts: list(descriptor).nullish(),
  }),
});

/** How artifacts were built (SLSA Provenance 0.2). A material may have neither uri nor digest. */
export const provenance02 = object({
  builder: object({ id: text }),
  buildType: text,
  invocation: anyObject.nullish(),
  metadata: anyObject.nullish(),
  materials: list(object({ uri: z.string().nullish(), digest: digestSet.nullish() })).nullish(),
});
