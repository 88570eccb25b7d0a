import { z } from "zod";

/**
 * An object, of which the members named here are checked. All others are let through unseen, as consumers MUST do
 * (in-toto attestation 1.1, Parsing rules). The parser's objects are Maps; nothing else of them is copied.
 */
export function object<S extends z.ZodRawShape>(shape: S) {
  const names = Object.keys(shape);
  return z.preprocess(
    (value) =>
      value instanceof Map ? Object.fromEntries(names.map((name) => [name, value.get(name)])) : value,
    z.object(shape),
  );
}

/** An object whose members are up to the producer. */
export const anyObject = object({});

/** Text that must say something: required, and for protobuf an empty text is an unset one. */
export const text = z.string().min(1, { error: "must not be empty" });

/** RFC 3339 in UTC (in-toto attestation 1.1, Timestamp). */
export const timestamp = text.pipe(z.iso.datetime({ error: "must be a time as RFC 3339 writes it in UTC" }));

/** Faults in one list or map after which the rest of it is not looked at: a document can have a million. */
const MAX_FAULTS = 1024;

type Fault = Pick<z.core.$ZodIssue, "path" | "message">;

/** An array of which each element is checked, until there are faults enough. */
export function list<T extends z.ZodType>(item: T) {
  return z
    .custom<readonly unknown[]>((value) => Array.isArray(value), { error: expected("an array") })
    .superRefine((values, context) => {
      let faults = 0;
      for (const [index, value] of values.entries()) {
        const found: readonly Fault[] = item.safeParse(value, { error: describe }).error?.issues ?? [];
        for (const { path, message } of found) {
          context.addIssue({ code: "custom", path: [index, ...path], message });
        }
        faults += found.length;
        if (faults >= MAX_FAULTS) return;
      }
    });
}

/** Digests by algorithm, in the same way. */
export const digestSet = z
  .custom<ReadonlyMap<string, unknown>>((value) => value instanceof Map, { error: expected("an object") })
  .superRefine((values, context) => {
    let faults = 0;
    for (const [algorithm, value] of values) {
      if (typeof value === "string") continue;
      context.addIssue({ code: "custom", path: [algorithm], message: "must be a string" });
      faults += 1;
      if (faults >= MAX_FAULTS) return;
    }
  });

function expected(what: string): (issue: { readonly input?: unknown }) => string {
  return ({ input }) => (input === undefined ? "is missing" : `must be ${what}`);
}

/** Names of zod's types, as people say them. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["object", "an object"],
  ["map", "an object"],
  ["array", "an array"],
  ["string", "a string"],
]);

/** What is wrong at a place. Schemas with a message of their own are not asked about here. */
export function describe(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.input === undefined) return "is missing";
  if (issue.code === "invalid_type") return `must be ${KINDS.get(issue.expected) ?? issue.expected}`;
  if (issue.code === "invalid_value") return `must be ${issue.values.map(String).join(" or ")}`;
  return undefined;
}

/** A reference to an artifact or a resource (in-toto attestation 1.1, ResourceDescriptor). */
export const descriptor = object({
  name: z.string().nullish(),
  uri: z.string().nullish(),
  digest: digestSet.nullish(),
  content: z.string().nullish(),
}).refine(({ uri, digest, content }) => Boolean(uri) || Boolean(digest?.size) || Boolean(content), {
  error: "must have a uri, a digest or its content",
});
