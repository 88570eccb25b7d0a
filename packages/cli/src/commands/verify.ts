import type { Sha256Hex } from "@stemma/encoding";
import { layoutPath } from "@stemma/lineage";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot } from "../command.ts";
import { type Place, readParameters, type SourceOptions, sourceOf, withSources } from "../evidence-source.ts";
import { type JudgeOptions, judge, momentOf, withJudgement } from "../judge.ts";
import { type Outcome, styled } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { openSummary, type SummaryOptions } from "../summary.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";
import { verdictLines } from "../verdict-lines.ts";

/** `stemma verify`: where does this come from, and may it be trusted? Exit code 0 allow, 1 deny, 3 cannot tell. */
export function addVerifyCommand(program: Command): void {
  const verify = withJudgement(
    withSources(
      withRoot(
        withDomain(
          leaf(
            program,
            "verify <what>",
            "Verify a digest, a file, or an image or index: an image layout's folder, layout:FOLDER:TAG, tarball:FILE:TAG, oci:HOST/REPOSITORY:TAG",
          ),
        ),
      ),
    ),
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

type VerifyOptions = TrustOptions & SubjectOptions & SourceOptions & JudgeOptions & SummaryOptions;

async function verifyCommand(options: VerifyOptions, what: string, version: string): Promise<Outcome> {
  const summarize = await openSummary(options, version);
  const root = await pinnedRoot(options);
  const time = momentOf(options);
  const parameters = readParameters(options.param ?? []);
  const layouts = new Map<string, Sha256Hex>();
  const place = noting(layouts, await sourceOf(options, root, () => time));
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
      foreign: (domain) => source.foreign?.(domain),
    },
  };
}
