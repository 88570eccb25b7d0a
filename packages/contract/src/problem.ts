import { z } from "zod";

/** Media type of every answer that is a refusal (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** RFC 9457 problem details with Stemma's stable code. */
export const problemSchema = z
  .object({
    type: z
      .string()
      .meta({ description: "URI reference that identifies the kind of problem: /docs#<code>." }),
    title: z
      .string()
      .meta({ description: "The kind of problem, in a few words; the same for every occurrence." }),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: "What was found, where, and what was expected." }),
    code: z.string().meta({ description: "Stable code; programs decide by this member alone." }),
    advice: z.string().meta({ description: "What the caller can do about it." }),
    instance: z.string().meta({ description: "The request id of this occurrence; the log has the same." }),
  })
  .meta({ id: "Problem" });

export type Problem = z.infer<typeof problemSchema>;
