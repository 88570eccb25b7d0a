import type { Sha256Hex } from "@stemma/encoding";
import { signStatement } from "@stemma/in-toto";
import { VERIFIER_ID, type Verdict, verdictSummary } from "@stemma/lineage";
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
  if (!VERIFIER_ID.test(verifierId)) {
    throw new CliError("usage", "--verifier-id must be a URI.");
  }
  const signer = await openSigner({ ...options, key });
  return async (verdict, layout) => {
    const statement = verdictSummary(verdict, { id: verifierId, version }, layout);
    await writeOutput(file, await signStatement(statement, [signer]));
  };
}
