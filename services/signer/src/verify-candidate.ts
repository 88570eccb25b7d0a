import { StemmaError } from "@stemma/encoding";
import { readRecord } from "@stemma/lineage";
import {
  type EffectAnswer,
  findTarget,
  type Metadata,
  refresh,
  rolesForTarget,
  type Targets,
  TrustedMetadata,
  type Workflow,
} from "@stemma/tuf";
import type { RecordsByRole } from "./apply-records.ts";
import { SignerError } from "./error.ts";
import { ARTIFACTS } from "./placement.ts";
import type { Candidate } from "./sign-online.ts";
import { currentRoot, type DomainState } from "./state.ts";

/**
 * Verifies a candidate with our own client before anybody sees it: as a client that starts from the first root, and
 * as one that holds what is published now. Whatever the signer does wrong, and whatever key or clock it was given,
 * clients keep what they have instead of getting stuck (N-74).
 *
 * Throws `candidate_unverifiable` with the client's reason.
 */
export function verifyCandidate(
  candidate: Candidate,
  previous: DomainState,
  records: RecordsByRole,
  time: Date,
): void {
  try {
    verifyFresh(candidate, previous, records, time);
    if (previous.epoch > 0) verifyFollowing(candidate, previous, time);
  } catch (error) {
    if (!(error instanceof StemmaError)) throw error;
    throw new SignerError(
      "candidate_unverifiable",
      `A client would refuse what was signed: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

/** From the first root to every role that changed, and to every record that changed. */
function verifyFresh(candidate: Candidate, previous: DomainState, records: RecordsByRole, time: Date): void {
  const first = candidate.roots[0];
  if (first === undefined) throw new SignerError("role_missing", "There is no first root.");
  const trusted = TrustedMetadata.create(first.bytes, { time });
  answer(refresh(trusted), candidate, undefined);
  const delegated = trusted.targets("targets")?.signed.delegations;
  trusted.updateTargets(bytesOf(candidate, ARTIFACTS), ARTIFACTS, "targets");
  for (const [role, metadata] of candidate.roles) {
    if (trusted.targets(role) !== undefined || metadata === previous.roles.get(role)) continue;
    // Whoever signs for a project stands in targets; whoever signs for a bin stands in artifacts.
    const isProject = delegated?.roles.some(({ name }) => name === role) === true;
    trusted.updateTargets(metadata.bytes, role, isProject ? "targets" : ARTIFACTS);
  }
  verifyRecords(trusted, candidate, records);
}

/**
 * Every changed record is where a client looks for it. The first one by the client's own look-up, which verifies the
 * whole chain once more; the others by the same walk over the roles that `trusted` has verified by now.
 */
function verifyRecords(trusted: TrustedMetadata, candidate: Candidate, records: RecordsByRole): void {
  let first = true;
  for (const changed of records.values()) {
    for (const [path, { digest }] of changed) {
      const target = first
        ? answer(findTarget(trusted, path), candidate, undefined)?.target
        : walk(trusted, path)?.signed.targets.get(path);
      first = false;
      if (target === undefined) {
        throw new SignerError("candidate_unverifiable", `A client does not find ${path}.`);
      }
      readRecord(digest, target);
    }
  }
}

/** The verified role where the look-up of a path ends, when each delegation on the way is the first that matches. */
function walk(trusted: TrustedMetadata, path: string): Metadata<Targets> | undefined {
  let role = trusted.targets("targets");
  while (role?.signed.delegations !== undefined) {
    const [next] = rolesForTarget(role.signed.delegations, path);
    if (next === undefined) return undefined;
    role = trusted.targets(next.name);
  }
  return role;
}

/** A client that trusts the present state must be able to go on: no version may go back (TUF 5.4.3, 5.5.5). */
function verifyFollowing(candidate: Candidate, previous: DomainState, time: Date): void {
  const root = currentRoot(previous);
  if (root === undefined) return;
  answer(refresh(TrustedMetadata.create(root.bytes, { time })), candidate, previous);
}

/** Drives a workflow: the candidate is the remote, and the previous state, where there is one, the cache. */
function answer<T>(workflow: Workflow<T>, remote: Candidate, cache: DomainState | undefined): T {
  let reply: EffectAnswer;
  for (;;) {
    const step = workflow.next(reply);
    if (step.done === true) return step.value;
    reply = undefined;
    if (step.value.kind !== "metadata") continue;
    const { role, version, from } = step.value;
    const state = from === "cache" ? cache : remote;
    reply = state && documentOf(state, role, version);
  }
}

function documentOf(state: DomainState, role: string, version: number | undefined): Uint8Array | undefined {
  if (role === "root") return state.roots[(version ?? 0) - 1]?.bytes;
  if (role === "timestamp") return state.timestamp?.bytes;
  if (role === "snapshot") return state.snapshot?.bytes;
  return state.roles.get(role)?.bytes;
}

function bytesOf(candidate: Candidate, role: string): Uint8Array {
  return documentOf(candidate, role, undefined) ?? new Uint8Array();
}
