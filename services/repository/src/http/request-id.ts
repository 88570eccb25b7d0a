import { randomUUID } from "node:crypto";

/** What a caller may choose: short and printable, because it goes into logs and back into a header. */
const ACCEPTABLE = /^[A-Za-z0-9._-]{8,64}$/;

/** The id of a request: the caller's own when it is well-formed, else a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === "string" && ACCEPTABLE.test(header) ? header : randomUUID();
}
