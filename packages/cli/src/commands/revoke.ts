import { jsonObject, utf8, writeJson } from "@stemma/encoding";
import { asProjectName, type Revocation, readRevocations, revocationsPath } from "@stemma/lineage";
import type { Command } from "commander";
import { act, leaf, withDomain, withRoot, withSigner } from "../command.ts";
import { CliError } from "../error.ts";
import type { SignerOptions } from "../keys.ts";
import type { Outcome } from "../output.ts";
import { nextProject, readProjectFile } from "../project-file.ts";
import { asDigest } from "../subject.ts";
import { openDomain, type TrustOptions } from "../trust.ts";
import { signAndOpen } from "./project.ts";

const MAX_REASON = 1000;

/** `stemma revoke`: the owners no longer stand for an artifact. Their signatures say so, never online metadata alone. */
export function addRevokeCommand(program: Command): void {
  const revoke = withSigner(
    withRoot(withDomain(leaf(program, "revoke <digest>", "Revoke an artifact, by a ceremony"))),
  )
    .requiredOption("--project <project>", "project that no longer stands for it")
    .requiredOption("--reason <text>", "why, for everybody who is denied")
    .option("--expires <time>", "expiry of the project's metadata: time from now, or a moment", "28d");
  act(revoke, revokeArtifact);
}

interface RevokeOptions extends TrustOptions, SignerOptions {
  readonly project: string;
  readonly reason: string;
  readonly expires: string;
}

async function revokeArtifact(options: RevokeOptions, text: string): Promise<Outcome> {
  const digest = asDigest(text);
  const project = asProjectName(options.project);
  if (options.reason.trim() === "" || utf8(options.reason).length > MAX_REASON) {
    throw new CliError("usage", `--reason has 1 to ${MAX_REASON} bytes.`);
  }
  const at = await openDomain(options);
  const path = revocationsPath(project);
  const before = await readProjectFile(at, project, path);
  const revoked = new Map(before === undefined ? [] : readRevocations(before));
  if (revoked.has(digest))
    throw new CliError("nothing_to_change", `${project} has revoked ${digest} already.`);
  const since = `${at.time.toISOString().slice(0, 19)}Z`;
  revoked.set(digest, { digest, reason: options.reason, since });
  const bytes = writeRevocations([...revoked.values()]);
  const draft = await nextProject(at, project, [{ path, bytes }], options.expires);
  return signAndOpen(options, project, draft, [bytes], `Published: ${digest} is revoked.`);
}

/** The file that `readRevocations` reads. */
function writeRevocations(revoked: readonly Revocation[]): Uint8Array {
  return writeJson(
    jsonObject({
      _type: "stemma-revocations",
      version: 1,
      revoked: revoked.map(({ digest, reason, since }) => jsonObject({ digest, reason, since })),
    }),
    2,
  );
}
