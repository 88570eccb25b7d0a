import { Client, drive } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import { type Digest, recordPath, type Sha256Hex, StemmaError } from "@stemma/encoding";
import { asProjectName, layoutPath, readRecord, VERDICT_TYPE, type Verdict } from "@stemma/lineage";
import { findTarget, TrustedMetadata } from "@stemma/tuf";
import { type Command, InvalidArgumentError, Option } from "commander";
import { act, collect, leaf, withDomain, withRoot } from "../command.ts";
import { CliError } from "../error.ts";
import { type Place, readParameters, type SourceOptions, sourceOf } from "../evidence-source.ts";
import { type InspectedFile, type InspectionOptions, verifyWithInspections } from "../inspections.ts";
import { type Outcome, styled } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { openSummary, type SummaryOptions } from "../summary.ts";
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
        "Verify a digest, a file, or an image or index: an image layout's folder, layout:FOLDER:TAG, tarball:FILE:TAG, oci:HOST/REPOSITORY:TAG",
      ),
    ),
  )
    .option("--project <project>", "project that must stand for it (default: the one that its record claims)")
    .option("--bundle <file>", "take metadata and evidence from a bundle instead of a server")
    .option("--directory <folder>", "take them from a mirror on disk")
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
    )
    .option("--summary <file>", "write the verdict as a signed verification summary (SLSA VSA)")
    .option("--key <file>", "private key that signs the summary (PEM PKCS#8, mode 0600)")
    .option(
      "--passphrase-file <file>",
      "file whose first line is the key's passphrase (else STEMMA_PASSPHRASE, else asked on the terminal)",
    )
    .option("--verifier-id <uri>", "who verified, for the summary");
  act(verify, (options: VerifyOptions, what: string) =>
    verifyCommand(options, what, program.version() ?? ""),
  );
}

interface VerifyOptions
  extends TrustOptions,
    SubjectOptions,
    SourceOptions,
    InspectionOptions,
    SummaryOptions {
  readonly project?: string;
  readonly at?: string;
  readonly param?: readonly string[];
}

async function verifyCommand(options: VerifyOptions, what: string, version: string): Promise<Outcome> {
  const summarize = await openSummary(options, version);
  const root = await pinnedRoot(options);
  const time = options.at === undefined ? undefined : parseMoment(options.at);
  const parameters = readParameters(options.param ?? []);
  const layouts = new Map<string, Sha256Hex>();
  const place = noting(layouts, await sourceOf(options, root));
  // The bytes first: an image whose layer was changed is refused whatever its manifest's digest stands for.
  const { digest, kind } = await findSubject(what, options);
  const file = kind === "file" ? { path: what, digest } : undefined;
  const verdict = await judge(options, { root, place, digest, file, time, parameters });
  await summarize?.(verdict, verdict.project === "" ? undefined : layouts.get(layoutPath(verdict.project)));
  return {
    code: verdict.decision === "allow" ? 0 : 1,
    document: verdict,
    lines: [
      ...verdictLines(verdict),
      ...(summarize === undefined ? [] : [["  summary ", styled("bold", options.summary ?? "")]]),
    ],
  };
}

interface Inquiry {
  readonly root: Uint8Array;
  readonly place: Place;
  readonly digest: Digest;
  /** The artifact itself, where it is a file that inspections can look into. */
  readonly file: InspectedFile | undefined;
  readonly time: Date | undefined;
  readonly parameters: ReadonlyMap<string, string>;
}

async function judge(options: VerifyOptions, inquiry: Inquiry): Promise<Verdict> {
  const { root, place, digest, file, parameters } = inquiry;
  const project =
    options.project === undefined ? await claimedProject(inquiry) : asProjectName(options.project);
  if (typeof project !== "string") return project;
  const client = new Client({ root, ...place });
  const time = inquiry.time ?? new Date();
  return verifyWithInspections(
    (inspect) => client.verify({ digest, project, parameters, time, inspect }),
    file,
    options,
  );
}

/** The same place, with a note of the digests by which metadata lists the files that were asked for. */
function noting(files: Map<string, Sha256Hex>, { source, ...rest }: Place): Place {
  return {
    ...rest,
    source: {
      metadata: (role, version, maxLength) => source.metadata(role, version, maxLength),
      target: (path, digest, length) => {
        files.set(path, digest);
        return source.target(path, digest, length);
      },
      evidence: (wanted, maxLength) => source.evidence(wanted, maxLength),
    },
  };
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

function asSeconds(value: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(value)) throw new InvalidArgumentError("It must be a number from 1 to 9999.");
  return Number(value);
}
