import { z } from "zod";
import { PROBLEMS, type ProblemCode } from "./codes.ts";

/** The body of a refusal below /v2/ (OCI distribution 1.1, "Error Codes"). `detail` says what problem details say elsewhere. */
export const registryErrorSchema = z
  .object({
    errors: z.array(
      z.object({
        code: z.string().meta({ description: "A code of the distribution specification, or Stemma's own." }),
        message: z.string(),
        detail: z.object({
          code: z.string().meta({ description: "Stemma's stable code." }),
          advice: z.string(),
          instance: z.string().meta({ description: "The request id; the log has the same." }),
        }),
      }),
    ),
  })
  .meta({ id: "RegistryErrors" });

export type RegistryErrors = z.infer<typeof registryErrorSchema>;

/** Media type of those refusals. */
export const REGISTRY_ERROR_MEDIA_TYPE = "application/json";

/** Codes of the specification for what clients of registries may meet here. */
const CODES: Partial<Readonly<Record<ProblemCode, string>>> = {
  bad_repository_name: "NAME_INVALID",
  unknown_domain: "NAME_UNKNOWN",
  bad_digest: "DIGEST_INVALID",
  unknown_manifest: "MANIFEST_UNKNOWN",
  unknown_blob: "BLOB_UNKNOWN",
  unknown_route: "UNSUPPORTED",
  method_not_allowed: "UNSUPPORTED",
  not_authenticated: "UNAUTHORIZED",
  scope_missing: "DENIED",
  too_busy: "TOOMANYREQUESTS",
};

/** A refusal as clients of registries read it. What the specification has no code for keeps ours, in capitals. */
export function registryErrors(code: ProblemCode, message: string, instance: string): RegistryErrors {
  const { advice } = PROBLEMS[code];
  return {
    errors: [{ code: CODES[code] ?? code.toUpperCase(), message, detail: { code, advice, instance } }],
  };
}
