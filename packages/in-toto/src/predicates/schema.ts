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

const digestSet = z.map(z.string(), z.string());

/** A reference to an artifact or a resource (in-toto attestation 1.1, ResourceDescriptor). */
export const descriptor = object({
  name: z.string().nullish(),
  uri: z.string().nullish(),
  digest: digestSet.nullish(),
  content: z.string().nullish(),
}).refine(({ uri, digest, content }) => Boolean(uri) || Boolean(digest?.size) || Boolean(content), {
  error: "must have a uri, a digest or its content",
});
