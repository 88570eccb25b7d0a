import { asyncSource, bundleSource } from "@stemma/client";
import type { Command } from "commander";
import { openBundleAt } from "../bundle-place.ts";
import { claimsOf, standingLines, standingOf } from "../bundle-standing.ts";
import { act, leaf, withPinnedRoot } from "../command.ts";
import { readParameters } from "../evidence-source.ts";
import { type JudgeOptions, judge, momentOf, withJudgement } from "../judge.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { pinnedRoot, type RootOptions } from "../trust.ts";
import { verdictLines } from "../verdict-lines.ts";

/**
 * `stemma bundle verify`: the verdict from a bundle and the pinned root alone, and what a bundle of its age cannot promise any
 * more. Exit codes as of `stemma verify`.
 */
export function addBundleVerifyCommand(group: Command): void {
  const verify = withJudgement(
    withPinnedRoot(
      leaf(
        group,
        "verify <bundle> [what]",
        "Verify a bundle, a file (no network) or oci:HOST/REPOSITORY:TAG, about a digest, a file, an image, or what the bundle names",
      ),
    ),
  );
  act(verify, verifyBundleCommand);
}

type VerifyOptions = Pick<RootOptions, "root"> & JudgeOptions & SubjectOptions;

async function verifyBundleCommand(
  options: VerifyOptions,
  place: string,
  what: string | undefined,
): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const time = momentOf(options);
  const parameters = readParameters(options.param ?? []);
  const bundle = await openBundleAt(place, options);
  const subject = what === undefined ? undefined : await findSubject(what, options);
  const digest = subject?.digest ?? bundle.subject.digest;
  const file = subject?.kind === "file" && what !== undefined ? { path: what, digest } : undefined;
  const inquiry = { root, place: { source: asyncSource(bundleSource(bundle)) }, digest, file, parameters };
  const verdict = await judge(options, { ...inquiry, time });
  const claims = claimsOf(bundle);
  const tooOld = verdict.reasons.some(({ code }) => code === "expired") && options.at === undefined;
  const then =
    tooOld && claims.time !== undefined ? await judge(options, { ...inquiry, time: claims.time }) : undefined;
  const standing = standingOf(verdict, then, claims);
  const { manifest, documents, subject: named } = bundle;
  return {
    code: verdict.decision === "allow" ? 0 : 1,
    document: {
      verdict,
      bundle: {
        place,
        digest: manifest.digest,
        documents: documents.length,
        subject: { mediaType: named.mediaType, digest: named.digest, size: named.size },
        project: claims.project,
      },
      standing,
    },
    lines: [
      ...verdictLines(verdict),
      `  from the bundle ${manifest.digest}`,
      ...(what === undefined
        ? ["  about what the bundle names; give the digest or the file that you mean to be sure"]
        : []),
      ...(digest === named.digest
        ? []
        : [[styled("warn", "  it was made for another artifact: "), named.digest] satisfies Line]),
      ...standingLines(standing, time),
    ],
  };
}
