import { z } from "zod";
import { domainName } from "./names.ts";
import type { RouteAnswer } from "./route.ts";
import { changeAnswer } from "./schemas.ts";

/** What many routes have in common. */

export const PUBLIC = { kind: "public" } as const;
export const none = z.strictObject({});
export const inDomain = z.strictObject({ domain: domainName });
export const waiting = z.strictObject({
  wait: z.literal("published").optional().meta({
    description: "Answer only when the change is published and visible, or after ten seconds with 202.",
  }),
});

export function json(schema: z.ZodType, description: string): RouteAnswer {
  return { description, mediaType: "application/json", schema };
}
export function bytes(mediaType: string, description: string): RouteAnswer {
  return { description, mediaType };
}

/** What every route that accepts a change answers. */
export const changeAnswers = {
  200: json(changeAnswer, "Nothing to do: exactly this is published already."),
  201: json(changeAnswer, "Published and visible (only with `wait=published`)."),
  202: json(changeAnswer, "Accepted and stored; the signer publishes it next."),
} as const;
