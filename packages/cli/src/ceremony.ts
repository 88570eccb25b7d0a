import { setTimeout as pause } from "node:timers/promises";
import type { CeremonyAnswer, ChangeAnswer } from "@stemma/contract";
import { encodeBase64 } from "@stemma/encoding";
import { callServer, type DomainOptions, domainOf } from "./api.ts";
import { ServerProblem } from "./error.ts";
import { type Line, type Outcome, styled } from "./output.ts";
import { plural, short } from "./text.ts";

/** Signed metadata of one role, ready to travel. */
export interface DraftRole {
  readonly role: string;
  readonly bytes: Uint8Array;
}

/** The upload of roles and of the files that they name. */
export function uploadBody(
  roles: readonly DraftRole[],
  files: readonly Uint8Array[],
): Record<string, unknown> {
  return {
    metadata: roles.map(({ role, bytes }) => ({ role, bytes: encodeBase64(bytes) })),
    files: files.map(encodeBase64),
  };
}

/** Opens a ceremony for drafts that carry their first signature, and waits for the publish if that was all it took. */
export async function openCeremony(
  options: DomainOptions,
  roles: readonly DraftRole[],
  files: readonly Uint8Array[],
): Promise<CeremonyAnswer> {
  const { body } = await callServer<CeremonyAnswer>(options, "createCeremony", {
    params: { domain: domainOf(options) },
    body: uploadBody(roles, files),
  });
  await settleCeremony(options, body);
  return body;
}

/** Waits for the change that a finished ceremony became. Throws ServerProblem when the signer refused it. */
export async function settleCeremony(options: DomainOptions, ceremony: CeremonyAnswer): Promise<void> {
  if (ceremony.change !== undefined) await settleChange(options, ceremony.change);
}

/** Waits up to ten seconds for a change. Throws ServerProblem when the signer refused it. */
export async function settleChange(options: DomainOptions, change: string): Promise<ChangeAnswer> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const { body } = await callServer<ChangeAnswer>(options, "showChange", {
      params: { domain: domainOf(options), change },
    });
    throwIfRefused(body);
    if (body.outcome !== "waiting" || Date.now() > deadline) return body;
    await pause(100);
  }
}

/** A change that was accepted and then refused by the signer is a refusal like any other. */
export function throwIfRefused(change: ChangeAnswer): void {
  if (change.outcome !== "refused") return;
  throw new ServerProblem({
    code: change.refusal?.code ?? "change_refused",
    status: 409,
    detail: change.refusal?.message ?? "The signer refused the change.",
  });
}

/** Where a ceremony stands: what is missing, and the command for the next signer. */
export function ceremonyOutcome(options: DomainOptions, ceremony: CeremonyAnswer, done: string): Outcome {
  return {
    document: {
      ceremony: ceremony.ceremony,
      domain: ceremony.domain,
      state: ceremony.state,
      change: ceremony.change,
      roles: ceremony.roles.map(({ role, version, sha256, groups }) => ({ role, version, sha256, groups })),
    },
    lines: [...standing(ceremony, done), ...nextSteps(options, ceremony)],
  };
}

function standing(ceremony: CeremonyAnswer, done: string): Line[] {
  if (ceremony.state !== "open") return [[styled("good", done)]];
  const lines: Line[] = [["Ceremony ", styled("bold", ceremony.ceremony), " is open."]];
  for (const { role, version, groups } of ceremony.roles) {
    for (const group of groups) {
      const line = `  ${role} version ${version}, as ${group.of} asks: ${group.signed.length} of ${plural(group.threshold, "signature")}`;
      lines.push(group.met ? [line, styled("good", " (complete)")] : line);
      if (!group.met) lines.push(`    may still sign: ${group.missing.map(short).join(", ")}`);
    }
  }
  return lines;
}

function nextSteps(options: DomainOptions, ceremony: CeremonyAnswer): Line[] {
  if (ceremony.state !== "open") return [];
  return [
    "Next, each of them:",
    `  stemma sign --ceremony ${ceremony.ceremony} --domain ${ceremony.domain} --server ${options.server} --key <file>`,
  ];
}
