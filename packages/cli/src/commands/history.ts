import { Client, type Source } from "@stemma/client";
import type { HistoryAnswer } from "@stemma/contract";
import { sha256 } from "@stemma/crypto";
import type { Sha256Hex } from "@stemma/encoding";
import {
  type Authority,
  authoritiesAt,
  type HistoryDocument,
  type HistoryEntry,
  layoutPath,
  readHistory,
  type Verdict,
} from "@stemma/lineage";
import { DEFAULT_LIMITS, decodeRoot, decodeTargets } from "@stemma/tuf";
import type { Command } from "commander";
import { callServer } from "../api.ts";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { type Line, type Outcome, progress, styled } from "../output.ts";
import { asDigest } from "../subject.ts";
import { plural, short } from "../text.ts";
import { parseMoment } from "../time.ts";
import { cacheFor, openDomain, pinnedRoot, serverSource, type TrustOptions } from "../trust.ts";

/** `stemma history`: who could sign for what, when, and who changed that. Verified here, from the pinned root. */
export function addHistoryCommand(program: Command): void {
  const history = withRoot(
    withDomain(leaf(program, "history", "Show who signed which version of root, targets and the projects")),
  )
    .option("--role <role>", "this role only")
    .option("--at <time>", "who could sign for what at this moment")
    .option("--digest <digest>", "which roles and functionaries this artifact rests on");
  act(history, historyCommand);
}

interface HistoryOptions extends TrustOptions {
  readonly role?: string;
  readonly at?: string;
  readonly digest?: string;
}

/** Something that is wrong with the history as a whole: a version that is withheld, another first root. */
interface Gap {
  readonly code: string;
  readonly message: string;
}

async function historyCommand(options: HistoryOptions): Promise<Outcome> {
  const at = options.at === undefined ? undefined : parseMoment(options.at);
  const digest = options.digest === undefined ? undefined : asDigest(options.digest);
  const domain = await openDomain(options);
  const root = await pinnedRoot(options);
  const { body } = await callServer<HistoryAnswer>(options, "history", { params: { domain: domain.domain } });
  const source = serverSource(options);
  const { documents, withheld } = await fetchDocuments(body, source);
  const layouts = await fetchLayouts(documents, source);
  const files = (wanted: Sha256Hex): Uint8Array | undefined => layouts.get(wanted);

  const all = readHistory(documents, files);
  const entries = options.role === undefined ? all : all.filter((entry) => entry.role === options.role);
  const gaps = [...withheld, ...pinnedRootGap(documents, root), ...newestGaps(documents, domain.trusted)];
  const authorities = at === undefined ? undefined : authoritiesAt(documents, files, at);
  const restsOn = digest === undefined ? undefined : await verdicts(options, root, digest, body);
  const faulty = gaps.length > 0 || entries.some((entry) => entry.fault !== undefined);
  return {
    code: faulty ? 1 : 0,
    document: {
      domain: domain.domain,
      verifiedBy: "client",
      pinnedRoot: sha256(root),
      entries,
      gaps,
      ...(authorities === undefined ? {} : { at: at?.toISOString(), authorities }),
      ...(restsOn === undefined ? {} : { digest, restsOn }),
    },
    lines: [
      ...(authorities === undefined && restsOn === undefined ? entries.flatMap(entryLines) : []),
      ...(authorities ?? []).flatMap(authorityLines),
      ...(authorities?.length === 0 ? ["Nobody: at that moment the trust domain had not begun."] : []),
      ...(restsOn ?? []).flatMap(restsOnLines),
      ...gaps.map((gap): Line => [styled("bad", gap.code), `: ${gap.message}`]),
      [styled("dim", "Signatures were verified here; order and dates are the service's word.")],
    ],
  };
}

/** Bytes of every version that the service names. What it names and does not have is a gap. */
async function fetchDocuments(
  answer: HistoryAnswer,
  source: Source,
): Promise<{ readonly documents: readonly HistoryDocument[]; readonly withheld: readonly Gap[] }> {
  const documents: HistoryDocument[] = [];
  const withheld: Gap[] = [];
  for (const [index, { role, version, epoch, publishedAt }] of answer.entries.entries()) {
    if (index % 50 === 0) progress(`Fetching version ${index + 1} of ${answer.entries.length}…`);
    const bytes = await source.metadata(role, version, DEFAULT_LIMITS.targetsLength);
    if (bytes === undefined) {
      withheld.push({
        code: "metadata_not_found",
        message: `Version ${version} of ${role} is not to be had.`,
      });
    } else documents.push({ role, version, bytes, epoch, publishedAt: new Date(publishedAt) });
  }
  return { documents, withheld };
}

/** The layouts that project versions name, as far as they can be had and are what was signed. */
async function fetchLayouts(
  documents: readonly HistoryDocument[],
  source: Source,
): Promise<ReadonlyMap<Sha256Hex, Uint8Array>> {
  const layouts = new Map<Sha256Hex, Uint8Array>();
  for (const { role, bytes } of documents) {
    if (role === "root" || role === "targets") continue;
    const target = tryTargets(bytes)?.targets.get(layoutPath(role));
    const wanted = target?.hashes.get("sha256") as Sha256Hex | undefined;
    if (target === undefined || wanted === undefined || layouts.has(wanted)) continue;
    const found = await source.target(layoutPath(role), wanted, target.length);
    if (found !== undefined && sha256(found) === wanted) layouts.set(wanted, found);
  }
  return layouts;
}

/** A version that cannot be read is shown with its fault by `readHistory`; here it has no layout. */
function tryTargets(bytes: Uint8Array) {
  try {
    return decodeTargets(bytes).signed;
  } catch {
    return undefined;
  }
}

/** The pinned root must be one of the versions: otherwise this is the history of something else. */
function pinnedRootGap(documents: readonly HistoryDocument[], root: Uint8Array): readonly Gap[] {
  const { version } = decodeRoot(root).signed;
  const listed = documents.find((document) => document.role === "root" && document.version === version);
  if (listed !== undefined && sha256(listed.bytes) === sha256(root)) return [];
  return [
    {
      code: "wrong_version",
      message: `Version ${version} of root in this history is not the root that you pinned.`,
    },
  ];
}

/** The newest versions must be those that the verified metadata names, or the service keeps some back. */
function newestGaps(
  documents: readonly HistoryDocument[],
  trusted: Awaited<ReturnType<typeof openDomain>>["trusted"],
): readonly Gap[] {
  const newest = new Map<string, number>();
  for (const { role, version } of documents) newest.set(role, Math.max(version, newest.get(role) ?? 0));
  const meta = trusted.snapshot?.signed.meta;
  const projects = trusted.targets("targets")?.signed.delegations?.roles.map((role) => role.name) ?? [];
  const expected: [string, number][] = [["root", trusted.root.signed.version]];
  for (const role of ["targets", ...projects.filter((name) => name !== "artifacts")]) {
    expected.push([role, meta?.get(role)?.version ?? 0]);
  }
  return expected
    .filter(([role, version]) => (newest.get(role) ?? 0) < version)
    .map(([role, version]) => ({
      code: "metadata_not_found",
      message: `The history of ${role} ends before version ${version}.`,
    }));
}

/** The verdict for each project that has a history: what the artifact rests on is what verified it. */
async function verdicts(
  options: TrustOptions,
  root: Uint8Array,
  digest: Verdict["digest"],
  answer: HistoryAnswer,
): Promise<readonly Verdict[]> {
  const client = new Client({ root, source: serverSource(options), cache: cacheFor(root, options) });
  const projects = new Set(answer.entries.map((entry) => entry.role));
  const found: Verdict[] = [];
  for (const project of projects) {
    if (project === "root" || project === "targets") continue;
    const verdict = await client.verify({ digest, project });
    if (verdict.record?.projects.includes(project) === true) found.push(verdict);
  }
  return found;
}

function entryLines(entry: HistoryEntry): Line[] {
  const { fault } = entry;
  const signers = entry.signers.map((signer) => short(signer.fingerprint)).join(", ");
  return [
    [
      styled("bold", `${entry.role} ${entry.version}`),
      `  ${entry.publishedAt.slice(0, 16).replace("T", " ")} UTC  signed by ${signers || "nobody"} (${entry.threshold} needed)`,
    ],
    ...(fault === undefined ? [] : [["  ", styled("bad", fault.code), `: ${fault.message}`] satisfies Line]),
    ...entry.changes.map((change) => `  ${change.words}`),
  ];
}

function authorityLines(authority: Authority): Line[] {
  const names = (keys: Authority["keys"]): string =>
    keys.map((key) => key.name ?? short(key.fingerprint)).join(", ");
  // The online roles have no history of their own here, so no version either.
  const state = authority.version === 0 ? "" : ` ${authority.version}`;
  return [
    [
      styled("bold", `${authority.role}${state}`),
      `  ${authority.threshold} of ${plural(authority.keys.length, "key")}: ${names(authority.keys)}`,
      authority.expired ? styled("warn", "  expired by then") : "",
    ],
    ...authority.steps.map(({ step, predicateType, threshold, keys, certificates = [] }) => {
      const what = predicateType === undefined ? "" : `, attestations of ${predicateType}`;
      const who = [names(keys), ...certificates].filter((text) => text !== "").join(", ");
      return `  step ${step}${what}: ${threshold} of ${who}`;
    }),
  ];
}

function restsOnLines(verdict: Verdict): Line[] {
  const allowed = verdict.decision === "allow";
  return [
    [styled(allowed ? "good" : "bad", verdict.decision.toUpperCase()), `  project ${verdict.project}`],
    ...verdict.freshness.roles.map(
      (role) => `  role ${role.role} ${role.version}, until ${role.expires.slice(0, 10)}`,
    ),
    ...(verdict.lineage?.steps ?? []).map((step) => {
      const who = step.functionaries.map((signer) => signer.name ?? short(signer.fingerprint)).join(", ");
      return `  step ${step.name}: signed by ${who || "nobody"}`;
    }),
    ...verdict.reasons.map((reason): Line => ["  ", styled("bad", reason.code), `: ${reason.message}`]),
  ];
}
