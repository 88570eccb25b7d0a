import { type ChangeAnswer, isProblemCode, LIMITS } from "@stemma/contract";
import { StemmaError } from "@stemma/encoding";
import type { ChangeState, Domain } from "@stemma/store";
import { type Answer, jsonAnswer } from "../http/answer.ts";
import { versionsOf } from "../read/versions.ts";
import type { Context } from "../service.ts";
import type { Warning } from "./project-files.ts";

/** The signer may refuse without anything being published, which nobody is notified of: look again this often. */
const LOOK_AGAIN_MS = 250;
/** An answer needs a moment of its own before the deadline of the request. */
const MARGIN_MS = 500;

/** A change that the signer refused, under the signer's own code where the list has it. */
export class RefusedChange extends StemmaError {
  constructor(id: number, code: string, message: string) {
    super(
      isProblemCode(code) ? code : "change_refused",
      `The signer refused change ${id} (${code}): ${message}`,
    );
  }
}

/** Waits until a change is decided, as long as a request may; undefined when it still waits then. */
export async function awaitDecision(
  context: Context,
  domain: Domain,
  id: number,
  signal: AbortSignal,
  heard?: Promise<void>,
): Promise<ChangeState | undefined> {
  await heard;
  const state = await awaitSigner(context, domain, signal, async () => {
    const found = await context.decisions.look(id);
    return found?.outcome === undefined ? undefined : found;
  });
  // The database may have said so before the notification did: whoever is told must also see it.
  if (state?.epoch !== undefined) context.domains.heads.seen(domain.id, state.epoch);
  return state;
}

/** Resolves at the signer's next word about a domain, or when it is time to look without one. */
export function nextWord({ publications }: Context, domain: Domain, signal: AbortSignal): Promise<void> {
  return publications.next(domain.id, LOOK_AGAIN_MS, signal);
}

/** Looks until there is something, as long as a request may: after each word of the signer, and now and then. */
export async function awaitSigner<T>(
  context: Context,
  domain: Domain,
  signal: AbortSignal,
  look: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const until = performance.now() + Math.min(LIMITS.deadlineMs, context.config.deadlineMs) - MARGIN_MS;
  for (;;) {
    // Subscribed before the look, so that a word between the two is not missed.
    const heard = nextWord(context, domain, signal);
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > until || signal.aborted) return undefined;
    await heard;
  }
}

/** The answer to an accepted change: 202 while it waits, 201 once it is published. Throws `RefusedChange`. */
export async function answerChange(
  context: Context,
  domain: Domain,
  id: number,
  options: {
    readonly wait: boolean;
    readonly signal: AbortSignal;
    readonly warnings?: readonly Warning[];
    /** The signer's next word since before the change was accepted: there is nothing to look for until then. */
    readonly heard?: Promise<void> | undefined;
  },
): Promise<Answer> {
  const { wait, signal, heard } = options;
  const state = wait ? await awaitDecision(context, domain, id, signal, heard) : undefined;
  if (state?.outcome === "refused") {
    throw new RefusedChange(id, state.refusal ?? "", state.refusalDetail ?? "");
  }
  const answer = await describeChange(context, domain, id, state);
  const location = { Location: `/v1/domains/${domain.name}/changes/${id}` };
  const { warnings } = options;
  return jsonAnswer(
    state === undefined ? 202 : 201,
    { ...answer, ...(warnings === undefined || warnings.length === 0 ? {} : { warnings }) },
    location,
  );
}

/** What became of a change, for people and programs. */
export async function describeChange(
  { domains }: Context,
  domain: Domain,
  id: number,
  state: ChangeState | undefined,
): Promise<ChangeAnswer> {
  const base = { domain: domain.name, change: String(id) };
  if (state?.outcome === undefined) return { ...base, outcome: "waiting" };
  if (state.outcome === "refused") {
    const refusal = { code: state.refusal ?? "", message: state.refusalDetail ?? "" };
    return { ...base, outcome: "refused", refusal };
  }
  return { ...base, outcome: "published", versions: versionsOf(await domains.heads.head(domain)) };
}
