import type { JsonObject } from "@stemma/encoding";
import { InTotoError } from "./error.ts";
import type { Layout } from "./layout.ts";
import { quote } from "./names.ts";

/**
 * Parts of in-toto that Stemma does not verify yet: inspections, sublayouts, certificates and attestation predicates.
 * Each is refused with its own code, here and nowhere else, because ignoring one would weaken what the owners signed.
 */
export interface UnsupportedPart {
  readonly code: "unsupported_inspection" | "unsupported_certificate";
  readonly message: string;
  readonly step?: string;
}

/** What a layout asks for that is not verified yet. A layout with any of it is never satisfied. */
export function unsupportedParts(layout: Layout): readonly UnsupportedPart[] {
  const parts: UnsupportedPart[] = [];
  for (const { name } of layout.inspections) {
    parts.push({
      code: "unsupported_inspection",
      message: `The layout has the inspection ${quote(name)}. Stemma does not run commands that a layout names.`,
    });
  }
  if (layout.certificateAuthorities > 0) {
    parts.push({
      code: "unsupported_certificate",
      message: "The layout names certificate authorities; functionaries by certificate are not verified yet.",
    });
  }
  for (const step of layout.steps) {
    if (step.certificateConstraints === 0) continue;
    parts.push({
      code: "unsupported_certificate",
      message: `Step ${quote(step.name)} has certificate constraints, which are not verified yet.`,
      step: step.name,
    });
  }
  return parts;
}

/** Checks that a payload is a link, or a layout. Throws `unsupported_…` for what will be one day, else `wrong_document`. */
export function checkPayloadType(payload: JsonObject, expected: "link" | "layout"): void {
  const type = payload.get("_type");
  if (type === expected) return;
  if (expected === "link" && type === "layout") {
    throw new InTotoError(
      "unsupported_sublayout",
      "The evidence is a layout, not a link; sublayouts are not verified yet.",
    );
  }
  if (expected === "link" && typeof type === "string" && type.startsWith("https://in-toto.io/Statement/")) {
    throw new InTotoError(
      "unsupported_attestation",
      "The evidence is an attestation, not a link; attestations are not verified yet.",
    );
  }
  throw new InTotoError(
    "wrong_document",
    `The payload must be a ${expected}; its _type is ${typeof type === "string" ? quote(type) : "not a string"}.`,
  );
}
