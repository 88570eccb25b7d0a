import { z } from "zod";
import { object, text } from "./schema.ts";

/** Every version of a format has its own type, and the format alone stands for any version. */
const SPDX2_TYPE = /^https:\/\/spdx\.dev\/Document\/v2(?:\.\d+)*$/;
const SPDX3_TYPE = /^https:\/\/spdx\.dev\/Document\/v3(?:\.\d+)*$/;
const SPDX_TYPE = "https://spdx.dev/Document";
const CYCLONEDX_TYPE = /^https:\/\/cyclonedx\.org\/bom(?:\/v\d+(?:\.\d+)*)?$/;

/** An SPDX 2 document (SPDX 2.3, clause 6). */
const spdx2 = object({
  spdxVersion: z.string().startsWith("SPDX-2.", { error: 'must begin with "SPDX-2."' }),
  SPDXID: text,
  name: text,
  creationInfo: object({ created: text }),
});

/** An SPDX 3 document in JSON-LD (SPDX 3.0, clause 10). A graph of one element may do without `@graph`. */
const spdx3 = object({ "@context": z.union([text, z.array(z.unknown())]) });

const spdx = z.union([spdx2, spdx3], { error: "must be an SPDX document" });

/** A CycloneDX bill of materials (CycloneDX 1.2 and later; JSON). */
const cycloneDx = object({ bomFormat: z.literal("CycloneDX"), specVersion: text });

/** The schema of a bill of materials; undefined for other predicate types. */
export function sbomSchema(predicateType: string): z.ZodType | undefined {
  if (predicateType === SPDX_TYPE) return spdx;
  if (SPDX2_TYPE.test(predicateType)) return spdx2;
  if (SPDX3_TYPE.test(predicateType)) return spdx3;
  return CYCLONEDX_TYPE.test(predicateType) ? cycloneDx : undefined;
}
