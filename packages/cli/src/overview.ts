import type { DomainAnswer } from "@stemma/contract";
import type { Role } from "@stemma/tuf";
import { callServer, domainOf } from "./api.ts";
import { type Line, styled } from "./output.ts";
import { plural, short } from "./text.ts";
import { describeMoment } from "./time.ts";
import { openDomain, type TrustedDomain, type TrustOptions } from "./trust.ts";

/** Who may sign a role, and how long its current version holds. */
export interface RoleOverview {
  readonly role: string;
  /** Undefined until its owners have published. */
  readonly version: number | undefined;
  readonly expires: string | undefined;
  readonly threshold: number;
  readonly keys: readonly string[];
  /** Paths that the role lists. */
  readonly files: readonly string[];
}

/** A trust domain as it stands. */
export interface DomainOverview {
  readonly domain: string;
  /** False: this is the server's word. True: it was verified from the pinned root. */
  readonly verified: boolean;
  readonly roles: readonly RoleOverview[];
  readonly projects: readonly RoleOverview[];
}

/** From a pinned root where there is one, else as the server tells it. */
export async function readOverview(options: TrustOptions): Promise<DomainOverview> {
  if (options.root === undefined) return fromServer(options);
  return fromTrusted(await openDomain(options));
}

async function fromServer(options: TrustOptions): Promise<DomainOverview> {
  const domain = domainOf(options);
  const { body } = await callServer<DomainAnswer>(options, "showDomain", { params: { domain } });
  return {
    domain,
    verified: false,
    roles: (body.roles ?? []).map((role) => ({ ...role, files: [] })),
    projects: (body.projects ?? []).map(({ project, version, expires, threshold, keys, files }) => ({
      role: project,
      version,
      expires,
      threshold,
      keys,
      files,
    })),
  };
}

async function fromTrusted(at: TrustedDomain): Promise<DomainOverview> {
  const { trusted, targets } = at;
  const signed = {
    root: trusted.root.signed,
    timestamp: trusted.timestamp?.signed,
    snapshot: trusted.snapshot?.signed,
    targets: targets.signed,
  };
  const projects: RoleOverview[] = [];
  for (const role of targets.signed.delegations?.roles ?? []) {
    // The online part of the tree belongs to the service and to nobody's ceremony.
    if (role.name === "artifacts") continue;
    projects.push(overviewOf(role.name, role, (await at.project(role.name))?.signed));
  }
  return {
    domain: at.domain,
    verified: true,
    roles: [...trusted.root.signed.roles].map(([name, role]) => overviewOf(name, role, signed[name])),
    projects,
  };
}

function overviewOf(
  name: string,
  role: Role,
  signed: { readonly version: number; readonly expires: Date; readonly targets?: unknown } | undefined,
): RoleOverview {
  const files = signed?.targets instanceof Map ? [...signed.targets.keys()].map(String) : [];
  return {
    role: name,
    version: signed?.version,
    expires: signed?.expires.toISOString(),
    threshold: role.threshold,
    keys: role.keyIds,
    files: name === "targets" ? [] : files,
  };
}

/** One role in a line or two, with a warning where it has expired. */
export function roleLines(role: RoleOverview, now: Date): Line[] {
  const who = `${role.threshold} of ${plural(role.keys.length, "key")}: ${role.keys.map(short).join(", ")}`;
  const name = role.role.padEnd(12);
  if (role.version === undefined || role.expires === undefined) {
    return [["  ", styled("bold", name), " ", who, styled("warn", "  nothing published yet")]];
  }
  const moment = new Date(role.expires);
  const expired = moment.getTime() <= now.getTime();
  const when = `expires ${describeMoment(moment, now)}`;
  return [
    ["  ", styled("bold", name), ` ${who}`],
    [`  ${" ".repeat(12)} version ${role.version}, `, expired ? styled("bad", when) : when],
  ];
}

/** Says whose word an overview is. */
export function sourceLine(overview: DomainOverview): Line {
  return overview.verified
    ? [styled("dim", "Verified from the pinned root.")]
    : [styled("warn", "As the server says; with --root it is verified.")];
}
