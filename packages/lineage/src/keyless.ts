import { sha256 } from "@stemma/crypto";
import type { KeylessVerifier } from "@stemma/in-toto";
import { readTrustedRoot, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";

/** Trusted roots that were read, because reading one costs more than verifying a signature. Successes only, bounded. */
const known = new Map<string, TrustedRoot>();
const KNOWN_LIMIT = 64;

/**
 * Verifies Sigstore bundles with a `trusted_root.json`, as of a moment. The file is read when the first bundle needs it:
 * one that cannot be read makes bundles count for nothing, and harms no evidence by keys.
 */
export function keylessVerifier(trustedRoot: Uint8Array, time: Date): KeylessVerifier {
  return (bundle) => verifyKeyless(bundle, readKnown(trustedRoot), time);
}

function readKnown(bytes: Uint8Array): TrustedRoot {
  const name = sha256(bytes);
  const before = known.get(name);
  if (before !== undefined) return before;
  const root = readTrustedRoot(bytes);
  if (known.size >= KNOWN_LIMIT) known.clear();
  known.set(name, root);
  return root;
}
