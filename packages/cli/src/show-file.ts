import { DEFAULT_LIMITS, readEnvelope } from "@stemma/in-toto";
import { claimedIdentity } from "./bundle-signer.ts";
import { readInput } from "./files.ts";
import { type Outcome, styled } from "./output.ts";
import { describeEnvelope } from "./signable.ts";
import { plural } from "./text.ts";

/**
 * What a layout, a link, a statement or a Sigstore bundle on disk says, and whom it says that it is signed by. No
 * signature is verified. Throws `file_unreadable`, InTotoError and EncodingError.
 */
export async function showFile(path: string): Promise<Outcome> {
  const bytes = await readInput(path, DEFAULT_LIMITS.envelopeBytes);
  const envelope = readEnvelope(bytes);
  const { description } = describeEnvelope(envelope, new Date());
  const identity = envelope.bundle ? claimedIdentity(bytes) : undefined;
  const keyIds = envelope.signatures.map(({ keyId }) => keyId ?? null);
  const format = envelope.bundle ? "sigstore-bundle" : envelope.format;
  return {
    document: { file: path, format, verified: false, keyIds, identity, ...description.document },
    lines: [
      ...description.lines,
      identity === undefined
        ? `  ${plural(keyIds.length, "signature")}${keyIds.length === 0 ? "" : ` by ${keyIds.map((keyId) => keyId ?? "a key without a name").join(", ")}`}`
        : `  signed by ${identity}`,
      [styled("dim", `As the file (${format}) says; no signature was verified.`)],
    ],
  };
}
