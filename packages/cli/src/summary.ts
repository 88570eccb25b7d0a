import type { Sha256Hex } from "@stemma/encoding";
import { signStatement, summaryStatement } from "@stemma/in-toto";
import type { Verdict } from "@stemma/lineage";
import { CliError } from "./error.ts";
import { writeOutput } from "./files.ts";
import { openSigner } from "./keys.ts";
import type { PassphraseOptions } from "./passphrase.ts";

/** Options of `stemma verify` for its own summary. */
export interface SummaryOptions extends PassphraseOptions {
  readonly summary?: string;
  readonly key?: string;
  readonly verifierId?: string;
}

/** Writes a verdict down, signed. */
export type Summarize = (verdict: Verdict, layout: Sha256Hex | undefined) => Promise<void>;

/**
 * Opens the key that signs a summary, before anything is verified; undefined when none was asked for.
 * Throws `usage`, and what `openSigner` throws.
 */
export async function openSummary(options: SummaryOptions, version: string): Promise<Summarize | undefined> {
  const { summary: file, key, verifierId } = options;
  if (file === undefined && key === undefined && verifierId === undefined) return undefined;
  if (file === undefined || key === undefined || verifierId === undefined) {
    throw new CliError("usage", "--summary, --key and --verifier-id go together.");
  }
  if (!/^[a-z][a-z0-9+.-]*:\S+$/.test(verifierId)) {
    throw new CliError("usage", "--verifier-id must be a URI.");
  }
  const signer = await openSigner({ ...options, key });
  return async (verdict, layout) => {
    const statement = summaryStatement({
      digest: verdict.digest,
      verifierId,
      verifierVersion: new Map([["stemma", version]]),
      timeVerified: new Date(verdict.time),
      policy: { uri: policyUri(verdict), sha256: layout },
      evidence: (verdict.record?.evidence ?? []).map((item) => item.sha256),
      passed: verdict.decision === "allow",
    });
    await writeOutput(file, await signStatement(statement, [signer]));
  };
}

/** The policy: what the owners of a project demand, in the trust domain that a root stands for. A name, not a place. */
function policyUri({ pinnedRoot, project }: Verdict): string {
  const domain = `https://stemma.dev/policy/v1/${pinnedRoot}`;
  // Without a project, it did not come further than the domain's demand that the artifact be on record.
  return project === "" ? domain : `${domain}/${project}`;
}
