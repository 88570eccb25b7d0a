import { setTimeout as pause } from "node:timers/promises";
import type { Signer } from "@stemma/crypto";
import {
  type Head,
  insertMetadata,
  insertOutbox,
  markPublished,
  markRefused,
  moveHead,
  type NewMetadata,
  type Pool,
  type PoolClient,
  readHead,
  readWaiting,
  sqlState,
  withTransaction,
} from "@stemma/store";
import { type Metadata, type Signed, TufError } from "@stemma/tuf";
import { SignerError } from "./error.ts";
import { nextRenewal, type Periods } from "./periods.ts";
import { type Plan, planPublish, type Refusal, requireSigners } from "./plan.ts";
import { type Candidate, signOnline } from "./sign-online.ts";
import { type DomainState, loadState } from "./state.ts";
import { verifyCandidate } from "./verify-candidate.ts";

/** The points between which a publish may be interrupted; tests interrupt it there. */
export const PUBLISH_STEPS = [
  "planned",
  "signed",
  "verified",
  "metadata_inserted",
  "head_moved",
  "changes_marked",
  "outbox_inserted",
  "committed",
] as const;
export type PublishStep = (typeof PUBLISH_STEPS)[number];

export interface PublisherOptions {
  readonly pool: Pool;
  readonly signers: readonly Signer[];
  readonly periods: Periods;
  /** Bins of new domains: 2^bitLength. */
  readonly bitLength: number;
  readonly clock: () => Date;
  /** Changes taken into one publish at most. */
  readonly batch?: number;
  /** Called at each step; it may throw, wait, or end the process. */
  readonly onStep?: (step: PublishStep) => void | Promise<void>;
}

/** What one publish did. */
export interface Published {
  /** Undefined: nothing was published (all changes were refused). */
  readonly epoch: number | undefined;
  readonly carried: number;
  readonly refused: readonly Refusal[];
  /** There may be more waiting. */
  readonly more: boolean;
}

interface Renewal {
  readonly epoch: number;
  /** Milliseconds. */
  readonly at: number;
}

/** One try at publishing what waits. */
interface Attempt {
  readonly limit: number;
  /** How many changes there were. */
  size?: number;
  /** The fault of the batch that began with this one change: it is tried alone, and refused if it is to blame. */
  readonly isolating?: SignerError;
}

const BATCH = 256;
/** Domains whose parsed state is kept; another one is read again when it is needed. */
const STATES = 64;
const MAX_RENEWALS = 16;
/** Two machines' clocks may differ by this much; a signer waits until it has caught up. */
const CLOCK_TOLERANCE_MS = 5_000;

/**
 * Turns what was accepted into signed metadata, one transaction for each publish. Correctness does not rest on being
 * alone: the head moves only from the epoch that was read, and each (role, version) can be stored once. A second
 * signer, or one that was paused, fails on either and starts again from what is published by then.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  /** Parsed state of the domains published last; used only while the head still has its epoch. */
  readonly #states = new Map<number, DomainState>();
  /** When each domain that was ever seen is next due, as of an epoch. */
  readonly #renewals = new Map<number, Renewal>();

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Whether a domain has something to be signed again; also true when that is not known for this epoch. */
  isDue(domainId: number, epoch: number): boolean {
    const known = this.#renewals.get(domainId);
    return known?.epoch !== epoch || known.at <= this.#options.clock().getTime();
  }

  /**
   * Publishes what waits in a domain, and what is due to be signed again. Undefined: there was nothing to do.
   *
   * Throws SignerError: `superseded` (another signer was faster; try again), `clock_behind` and
   * `candidate_unverifiable` (nothing was published, everything waits).
   */
  async publish(domainId: number): Promise<Published | undefined> {
    let attempt: Attempt = { limit: this.#options.batch ?? BATCH };
    for (;;) {
      try {
        return await this.#attempt(domainId, attempt);
      } catch (error) {
        if (!(error instanceof SignerError) || error.code !== "candidate_unverifiable") throw error;
        if (attempt.isolating) throw error;
        // One change may be at fault: it must not stop the others for ever. Half as many, down to the first alone.
        const { size = 1 } = attempt;
        attempt = size > 1 ? { limit: Math.ceil(size / 2) } : { limit: 1, isolating: error };
      }
    }
  }

  async #attempt(domainId: number, attempt: Attempt): Promise<Published | undefined> {
    const { limit, isolating } = attempt;
    const { pool } = this.#options;
    let next: DomainState | undefined;
    try {
      const result = await withTransaction(pool, async (client) => {
        next = undefined;
        const head = await readHead(client, domainId);
        if (head === undefined) return undefined;
        const time = await this.#time(head);
        const state = await this.#state(client, head);
        const waiting = await readWaiting(client, domainId, limit);
        attempt.size = waiting.length;
        const plan = await planPublish(client, state, waiting, { time, signers: this.#options.signers });
        const more = waiting.length === limit;
        await this.#step("planned");
        if (plan.tree.roots.length === 0) return decide(client, head, plan, more);
        if (!this.#holdsKeys(plan)) return undefined;

        let candidate: Candidate | undefined;
        try {
          candidate = await this.#sign(state, plan, time);
        } catch (error) {
          const blamed = waiting[0];
          if (isolating === undefined || blamed === undefined || !(await this.#worksWithout(state, time)))
            throw error;
          const detail = error instanceof Error ? error.message : String(error);
          const refused = [{ id: blamed.id, code: isolating.code, detail }];
          return decide(client, head, { ...plan, carried: [], refused }, true);
        }
        if (candidate === undefined) return decide(client, head, plan, more);
        await this.#store(client, head, state, plan, candidate, time);
        next = candidate;
        return { epoch: candidate.epoch, carried: plan.carried.length, refused: plan.refused, more };
      });
      if (next) this.#remember(next);
      await this.#step("committed");
      return result;
    } catch (error) {
      // Whatever went wrong, the next attempt reads the state again.
      this.#states.delete(domainId);
      throw isSuperseded(error) ? superseded(domainId) : error;
    }
  }

  /** Our clock, never before that of the last publish: clients would take newer metadata for older. */
  async #time(head: Head): Promise<Date> {
    const last = head.signedAt?.getTime() ?? 0;
    const behind = last - this.#options.clock().getTime();
    // A timer may end a millisecond early.
    if (behind > 0 && behind <= CLOCK_TOLERANCE_MS) await pause(behind + 2);
    const time = this.#options.clock();
    if (time.getTime() < last) {
      throw new SignerError(
        "clock_behind",
        `The clock says ${time.toISOString()}, and the last publish was at ${new Date(last).toISOString()}; nothing is signed until it is set right.`,
      );
    }
    return time;
  }

  async #state(client: PoolClient, head: Head): Promise<DomainState> {
    const known = this.#states.get(head.domainId);
    if (known?.epoch === head.epoch) {
      this.#remember(known);
      return known;
    }
    const state = await loadState(client, head);
    this.#remember(state);
    return state;
  }

  #remember(state: DomainState): void {
    const { domainId, epoch } = state;
    // Last used, last in the Map's order.
    this.#states.delete(domainId);
    this.#states.set(domainId, state);
    for (const oldest of this.#states.keys()) {
      if (this.#states.size <= STATES) break;
      this.#states.delete(oldest);
    }
    this.#renewals.set(domainId, { epoch, at: nextRenewal(state, this.#options.periods) });
  }

  /** False for a domain that belongs to another signer's keys. */
  #holdsKeys(plan: Plan): boolean {
    try {
      requireSigners(plan.tree, this.#options.signers);
      return true;
    } catch (error) {
      if (error instanceof SignerError && error.code === "online_key_missing") return false;
      throw error;
    }
  }

  async #sign(state: DomainState, plan: Plan, time: Date): Promise<Candidate | undefined> {
    const { signers, periods, bitLength } = this.#options;
    const options = { signers, periods, bitLength, time, maxRenewals: MAX_RENEWALS };
    const candidate = await signOnline(state, plan.tree, plan.records, options).catch(unreadable);
    await this.#step("signed");
    if (candidate) verifyCandidate(candidate, state, plan.records, time);
    await this.#step("verified");
    return candidate;
  }

  /** Whether what is published could simply be signed again: then the change that was tried is to blame. */
  async #worksWithout(state: DomainState, time: Date): Promise<boolean> {
    if (state.epoch === 0) return true;
    try {
      const { signers, bitLength, periods } = this.#options;
      const options = { signers, periods, bitLength, time, maxRenewals: 0, always: true };
      const candidate = await signOnline(state, state, new Map(), options);
      if (candidate) verifyCandidate(candidate, state, new Map(), time);
      return true;
    } catch {
      return false;
    }
  }

  async #store(
    client: PoolClient,
    head: Head,
    state: DomainState,
    plan: Plan,
    candidate: Candidate,
    time: Date,
  ): Promise<void> {
    const { domainId, epoch } = candidate;
    const documents = newDocuments(candidate, state);
    await insertMetadata(client, domainId, epoch, documents);
    await this.#step("metadata_inserted");
    const moved = await moveHead(client, head.epoch, {
      domainId,
      rootVersion: candidate.roots.length,
      targetsVersion: candidate.roles.get("targets")?.signed.version ?? 0,
      snapshotVersion: candidate.snapshot.signed.version,
      timestampVersion: candidate.timestamp.signed.version,
      signedAt: time,
      expiresAt: candidate.timestamp.signed.expires,
    });
    if (!moved) throw superseded(domainId);
    await this.#step("head_moved");
    await mark(client, domainId, plan, epoch);
    await this.#step("changes_marked");
    const payload = {
      timestamp: candidate.timestamp.signed.version,
      snapshot: candidate.snapshot.signed.version,
      roles: documents.map(({ role, version }) => ({ role, version })),
      artifacts: [...plan.records.values()].flatMap((records) =>
        [...records.values()].map(({ digest }) => digest),
      ),
      changes: plan.carried,
    };
    await insertOutbox(client, { domainId, epoch, kind: "published", payload });
    await this.#step("outbox_inserted");
  }

  async #step(step: PublishStep): Promise<void> {
    await this.#options.onStep?.(step);
  }
}

/** Nothing is published; what became of the changes is written all the same, and those who wait are told. */
async function decide(
  client: PoolClient,
  head: Head,
  plan: Plan,
  more: boolean,
): Promise<Published | undefined> {
  if (plan.carried.length === 0 && plan.refused.length === 0) return undefined;
  // Carried without a publish: everything that they ask for is published already.
  await mark(client, head.domainId, plan, head.epoch);
  await client.query("SELECT pg_notify('stemma_published', $1)", [`${head.domainId}:${head.epoch}`]);
  return { epoch: undefined, carried: plan.carried.length, refused: plan.refused, more };
}

async function mark(client: PoolClient, domainId: number, plan: Plan, epoch: number): Promise<void> {
  if (!(await markPublished(client, plan.carried, epoch))) throw superseded(domainId);
  for (const { id, code, detail } of plan.refused) {
    if (!(await markRefused(client, id, code, detail))) throw superseded(domainId);
  }
}

function newDocuments(candidate: Candidate, state: DomainState): readonly NewMetadata[] {
  const document = (role: string, { signed, bytes }: Metadata<Signed>): NewMetadata => ({
    role,
    version: signed.version,
    bytes,
  });
  const roles = [...candidate.roles].filter(([role, metadata]) => state.roles.get(role) !== metadata);
  return [
    ...candidate.roots.slice(state.roots.length).map((root) => document("root", root)),
    ...roles.map(([role, metadata]) => document(role, metadata)),
    ...(candidate.snapshot === state.snapshot ? [] : [document("snapshot", candidate.snapshot)]),
    document("timestamp", candidate.timestamp),
  ];
}

/** What was signed cannot be read back, such as a bin that has grown beyond what clients accept. */
function unreadable(error: unknown): never {
  if (!(error instanceof TufError)) throw error;
  throw new SignerError(
    "candidate_unverifiable",
    `A client could not read what was signed: ${error.message}`,
    {
      cause: error,
    },
  );
}

/** A (role, version) that is stored already (23505): the other signer's body stays, ours is forgotten. */
function isSuperseded(error: unknown): boolean {
  return sqlState(error) === "23505";
}

function superseded(domainId: number): SignerError {
  return new SignerError("superseded", `Another signer has published domain ${domainId} meanwhile.`);
}
