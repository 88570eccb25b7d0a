import { sha256 } from "@stemma/crypto";
import type { KeylessVerifier } from "@stemma/in-toto";
import { type KeylessSigner, readTrustedRoot, type TrustedRoot, verifyKeyless } from "@stemma/sigstore";

/*
 * A keyless verification costs a hundred times what a signature by a key costs, and its answer depends on the bytes of
 * the bundle and of the trusted root, and on the time only in that nothing may have been signed after it. So answers are
 * kept: successes only, and bounded, as with parsed keys.
 */

/** Trusted roots that were read. */
const roots = new Map<string, TrustedRoot>();
const ROOTS_LIMIT = 64;

interface Proven {
  readonly signer: KeylessSigner;
  /** The earliest time for which it was proven: it holds for every later one. */
  readonly since: Date;
}

/** Who signed a bundle, by the sha256 of the trusted root and of the bundle. */
const proven = new Map<string, Proven>();
const PROVEN_LIMIT = 4096;

/**
 * Verifies Sigstore bundles with a `trusted_root.json`, as of a moment. The file is read when the first bundle needs it:
 * one that cannot be read makes bundles count for nothing, and harms no evidence by keys.
 */
export function keylessVerifier(trustedRoot: Uint8Array, time: Date): KeylessVerifier {
  const name = sha256(trustedRoot);
  return (bundle) => {
    const key = `${name} ${sha256(bundle)}`;
    const known = proven.get(key);
    if (known !== undefined && known.since.getTime() <= time.getTime()) return known.signer;
    const signer = verifyKeyless(bundle, rootOf(name, trustedRoot), time);
    if (proven.size >= PROVEN_LIMIT) proven.clear();
    proven.set(key, { signer, since: time });
    return signer;
  };
}

function rootOf(name: string, bytes: Uint8Array): TrustedRoot {
  const before = roots.get(name);
  if (before !== undefined) return before;
  const root = readTrustedRoot(bytes);
  if (roots.size >= ROOTS_LIMIT) roots.clear();
  roots.set(name, root);
  return root;
}
