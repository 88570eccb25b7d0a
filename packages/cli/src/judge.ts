import { Client, drive } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, StemmaError } from "@stemma/encoding";
import { asProjectName, readRecord, VERDICT_TYPE, type Verdict } from "@stemma/lineage";
import { findTarget, TrustedMetadata } from "@stemma/tuf";
import { type Command, InvalidArgumentError, Option } from "commander";
import { collect } from "./command.ts";
import { CliError } from "./error.ts";
import type { Place } from "./evidence-source.ts";
import { type InspectedFile, type InspectionOptions, verifyWithInspections } from "./inspections.ts";
import { parseMoment } from "./time.ts";

/** Options of every command that reaches a verdict. */
export interface JudgeOptions extends InspectionOptions {
  readonly project?: string;
  readonly at?: string;
  readonly param?: readonly string[];
}

export function withJudgement(command: Command): Command {
  return command
    .option("--project <project>", "project that must stand for it (default: the one that its record claims)")
    .option("--at <time>", "verify as of this moment instead of now")
    .option("--param <name=value>", "parameter of the layout; several times for several", collect)
    .option("--plain-http", "pull without TLS, from a registry on this machine")
    .option(
      "--run-inspections",
      "run the commands of the layout's inspections, as this user, in a clean folder",
    )
    .addOption(
      new Option("--inspection-timeout <seconds>", "time that one of those commands may take")
        .argParser(asSeconds)
        .default(10),
    );
}

function asSeconds(value: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(value)) throw new InvalidArgumentError("It must be a number from 1 to 9999.");
  return Number(value);
}

/** The moment of `--at`, or now. Throws `usage`. */
export function momentOf({ at }: Pick<JudgeOptions, "at">): Date {
  return at === undefined ? new Date() : parseMoment(at);
}

/** What is asked of one artifact, and where the answer comes from. */
export interface Inquiry {
  readonly root: Uint8Array;
  readonly place: Place;
  readonly digest: Digest;
  /** The artifact itself, where it is a file that inspections can look into. */
  readonly file: InspectedFile | undefined;
  readonly time: Date;
  readonly parameters: ReadonlyMap<string, string>;
  /** Also look at what the artifact rests on where nobody demands it. */
  readonly explore?: boolean;
}

/** The verdict, by the project that was named or by the one that the record claims. Throws ClientError, `usage`. */
export async function judge(options: JudgeOptions, inquiry: Inquiry): Promise<Verdict> {
  const { root, place, digest, file, parameters, explore = false } = inquiry;
  const project =
    options.project === undefined ? await claimedProject(inquiry) : asProjectName(options.project);
  if (typeof project !== "string") return project;
  const client = new Client({ root, ...place });
  const { time } = inquiry;
  return verifyWithInspections(
    (inspect) => client.verify({ digest, project, parameters, time, inspect, explore }),
    file,
    options,
  );
}

/** The one project that the record claims; a denial where that is not to be found out. Throws `usage` for several. */
export async function claimedProject(inquiry: Omit<Inquiry, "file">): Promise<string | Verdict> {
  const { root, place, digest, time } = inquiry;
  let projects: readonly string[];
  try {
    const trusted = TrustedMetadata.create(root, { time });
    const found = await drive(findTarget(trusted, recordPath(digest)), place.source, place.cache);
    if (found === undefined) {
      return denial(inquiry, "artifact_unknown", `The trust domain has no record of ${digest}.`);
    }
    projects = readRecord(digest, found.target).projects;
  } catch (error) {
    // What a source cannot tell is no verdict; what the metadata is refused for is one.
    if (error instanceof StemmaError && error.name !== "ClientError") {
      return denial(inquiry, error.code, error.message);
    }
    throw error;
  }
  const [only] = projects;
  if (projects.length === 1 && only !== undefined) return only;
  throw new CliError(
    "usage",
    `The record claims the projects ${projects.join(", ")}; name one with --project.`,
  );
}

/** A denial before any project was known: in the form of every other verdict, with an empty project. */
function denial(inquiry: Omit<Inquiry, "file">, code: string, message: string): Verdict {
  return {
    type: VERDICT_TYPE,
    decision: "deny",
    digest: inquiry.digest,
    project: "",
    time: inquiry.time.toISOString(),
    pinnedRoot: sha256(inquiry.root),
    reasons: [{ code, message }],
    warnings: [],
    freshness: { roles: [], layoutExpires: undefined, validUntil: undefined },
    record: undefined,
    lineage: undefined,
  };
}
