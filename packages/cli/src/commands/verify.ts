import { Client, drive } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, StemmaError } from "@stemma/encoding";
import { asProjectName, readRecord, VERDICT_TYPE, type Verdict } from "@stemma/lineage";
import { findTarget, TrustedMetadata } from "@stemma/tuf";
import type { Command } from "commander";
import { act, collect, leaf, withDomain, withRoot } from "../command.ts";
import { CliError } from "../error.ts";
import { type Place, readParameters, type SourceOptions, sourceOf } from "../evidence-source.ts";
import type { Outcome } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { parseMoment } from "../time.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";
import { verdictLines } from "../verdict-lines.ts";

/** `stemma verify`: where does this come from, and may it be trusted? Exit code 0 allow, 1 deny, 3 cannot tell. */
export function addVerifyCommand(program: Command): void {
  const verify = withRoot(
    withDomain(
      leaf(
        program,
        "verify <what>",
        "Verify a digest, a file, an OCI image layout, or oci:HOST/REPOSITORY:TAG",
      ),
    ),
  )
    .option("--project <project>", "project that must stand for it (default: the one that its record claims)")
    .option("--bundle <file>", "take metadata and evidence from a bundle instead of a server")
    .option("--directory <folder>", "take them from a mirror on disk")
    .option("--at <time>", "verify as of this moment instead of now")
    .option("--param <name=value>", "parameter of the layout; several times for several", collect)
    .option("--plain-http", "pull without TLS, from a registry on this machine");
  act(verify, verifyCommand);
}

interface VerifyOptions extends TrustOptions, SubjectOptions, SourceOptions {
  readonly project?: string;
  readonly at?: string;
  readonly param?: readonly string[];
}

async function verifyCommand(options: VerifyOptions, what: string): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const time = options.at === undefined ? undefined : parseMoment(options.at);
  const parameters = readParameters(options.param ?? []);
  const place = await sourceOf(options, root);
  // The bytes first: an image whose layer was changed is refused whatever its manifest's digest stands for.
  const { digest } = await findSubject(what, options);
  const verdict = await judge(options, { root, place, digest, time, parameters });
  return { code: verdict.decision === "allow" ? 0 : 1, document: verdict, lines: verdictLines(verdict) };
}

interface Inquiry {
  readonly root: Uint8Array;
  readonly place: Place;
  readonly digest: Digest;
  readonly time: Date | undefined;
  readonly parameters: ReadonlyMap<string, string>;
}

async function judge(options: VerifyOptions, inquiry: Inquiry): Promise<Verdict> {
  const { root, place, digest, time, parameters } = inquiry;
  const project =
    options.project === undefined ? await claimedProject(inquiry) : asProjectName(options.project);
  if (typeof project !== "string") return project;
  const client = new Client({ root, ...place });
  return client.verify({ digest, project, parameters, ...(time === undefined ? {} : { time }) });
}

/** The one project that the record claims; a denial where that is not to be found out. Throws `usage` for several. */
async function claimedProject(inquiry: Inquiry): Promise<string | Verdict> {
  const { root, place, digest } = inquiry;
  const time = inquiry.time ?? new Date();
  let projects: readonly string[];
  try {
    const trusted = TrustedMetadata.create(root, { time });
    const found = await drive(findTarget(trusted, recordPath(digest)), place.source, place.cache);
    if (found === undefined) {
      return denial(inquiry, time, "artifact_unknown", `The trust domain has no record of ${digest}.`);
    }
    projects = readRecord(digest, found.target).projects;
  } catch (error) {
    // What a source cannot tell is no verdict; what the metadata is refused for is one.
    if (error instanceof StemmaError && error.name !== "ClientError") {
      return denial(inquiry, time, error.code, error.message);
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
function denial(inquiry: Inquiry, time: Date, code: string, message: string): Verdict {
  return {
    type: VERDICT_TYPE,
    decision: "deny",
    digest: inquiry.digest,
    project: "",
    time: time.toISOString(),
    pinnedRoot: sha256(inquiry.root),
    reasons: [{ code, message }],
    warnings: [],
    freshness: { roles: [], layoutExpires: undefined, validUntil: undefined },
    record: undefined,
    lineage: undefined,
  };
}
