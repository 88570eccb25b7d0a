import { drive } from "@stemma/client";
import { generatePrivateKey, signerFromPem } from "@stemma/crypto";
import { type Envelope, signPayload } from "@stemma/in-toto";
import { asProjectName, type OwnedLayout, tryFromRoot } from "@stemma/lineage";
import type { Command } from "commander";
import { act, collect, leaf, withDomain, withRoot } from "../command.ts";
import { readParameters, type SourceOptions, sourceOf, withSources } from "../evidence-source.ts";
import { readLayoutFile } from "../layout-source.ts";
import type { Outcome } from "../output.ts";
import { findSubject, type SubjectOptions } from "../subject.ts";
import { parseMoment } from "../time.ts";
import { trialLines } from "../trial-lines.ts";
import { pinnedRoot, type TrustOptions } from "../trust.ts";

/** `stemma layout try`: what a layout makes of an artifact's evidence, before it is in force or while it is. */
export function addTryCommand(layout: Command): void {
  const attempt = withSources(
    withRoot(
      withDomain(
        leaf(
          layout,
          "try <what>",
          "Try a layout against the recorded evidence of a digest, a file, an OCI image layout, or oci:HOST/REPOSITORY:TAG",
        ),
      ),
    ),
  )
    .requiredOption("--project <project>", "project that stands for it")
    .option("--layout <file>", "try this draft, signed or not, in place of the published layout")
    .option("--at <time>", "try as of this moment instead of now")
    .option("--param <name=value>", "parameter of the layout; several times for several", collect)
    .option("--plain-http", "pull without TLS, from a registry on this machine");
  act(attempt, tryLayout);
}

interface TryOptions extends TrustOptions, SubjectOptions, SourceOptions {
  readonly project: string;
  readonly layout?: string;
  readonly at?: string;
  readonly param?: readonly string[];
}

async function tryLayout(options: TryOptions, what: string): Promise<Outcome> {
  const root = await pinnedRoot(options);
  const project = asProjectName(options.project);
  const time = options.at === undefined ? new Date() : parseMoment(options.at);
  const parameters = readParameters(options.param ?? []);
  const { source, cache } = await sourceOf(options, root, () => time);
  const draft =
    options.layout === undefined
      ? undefined
      : await ownedByNobody((await readLayoutFile(options.layout)).envelope);
  const { digest } = await findSubject(what, options);
  const trial = await drive(tryFromRoot(root, { digest, project, parameters }, time, draft), source, cache);
  return {
    code: trial.satisfied ? 0 : 1,
    document: { ...trial, ...(options.layout === undefined ? {} : { file: options.layout }) },
    lines: trialLines(trial),
  };
}

/**
 * Nothing of a layout is read that its owners have not signed. A draft has none yet, so a key that lives for this one call
 * signs the same payload and counts as the owner; what comes of it is a trial and no verdict.
 */
async function ownedByNobody({ payload, format }: Envelope): Promise<OwnedLayout> {
  const signer = signerFromPem(generatePrivateKey());
  const keys = new Map([[signer.publicKey.keyId, signer.publicKey]]);
  return { layoutEnvelope: await signPayload(payload, [signer], format), owners: { keys, threshold: 1 } };
}
