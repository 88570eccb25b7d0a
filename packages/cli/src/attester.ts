import { type PublicKey, type Signer, withCertificate } from "@stemma/crypto";
import { decodeUtf8, type JsonObject } from "@stemma/encoding";
import { type EnvelopeFormat, signPayload } from "@stemma/in-toto";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";
import { openSigner } from "./keys.ts";
import type { PassphraseOptions } from "./passphrase.ts";
import type { SigstoreOptions } from "./sigstore.ts";
import { short } from "./text.ts";

/** Options of commands that sign what is true of an artifact. */
export interface AttesterOptions extends PassphraseOptions, SigstoreOptions {
  readonly key?: readonly string[];
  readonly certificate?: string;
  readonly bundle?: boolean;
  readonly keyless?: boolean;
}

/** Whoever signed, for people and for `--json`. */
export type SignedBy = { readonly keyId: string } | { readonly issuer: string; readonly identity: string };

export interface Attestation {
  /** A DSSE envelope, a metablock, or a Sigstore bundle. */
  readonly bytes: Uint8Array;
  readonly signedBy: readonly SignedBy[];
}

/** Signs statements and links, with keys or with the identity of a CI job. */
export interface Attester {
  /** Key ids, before anything is signed; empty for an identity. */
  readonly keyIds: readonly string[];
  /** Whether it makes Sigstore bundles, which hold a DSSE envelope with one signature. */
  readonly bundles: boolean;
  sign(payload: JsonObject, format?: EnvelopeFormat): Promise<Attestation>;
}

/**
 * Opens whatever signs, before anything that costs time: a passphrase that is wrong should not cost a build.
 *
 * Throws `usage`, and what `openSigner` and `openKeyless` throw.
 */
export async function openAttester(options: AttesterOptions): Promise<Attester> {
  const paths = options.key ?? [];
  if (options.keyless === true) {
    if (paths.length > 0 || options.bundle === true || options.certificate !== undefined) {
      throw new CliError(
        "usage",
        "--keyless signs with an identity; leave out --key, --certificate and --bundle.",
      );
    }
    const { openKeyless } = await sigstore();
    const sign = await openKeyless(options);
    return { keyIds: [], bundles: true, sign };
  }
  if (options.identityTokenFile !== undefined) {
    throw new CliError("usage", "--identity-token-file goes with --keyless.");
  }
  const signers = await openSigners(paths, options);
  const keyIds = signers.map(({ publicKey }) => publicKey.keyId);
  const signedBy = keyIds.map((keyId) => ({ keyId }));
  if (options.bundle !== true) {
    return {
      keyIds,
      bundles: false,
      sign: async (payload, format) => ({ bytes: await signPayload(payload, signers, format), signedBy }),
    };
  }
  const [signer, second] = signers;
  if (signer === undefined || second !== undefined) {
    throw new CliError("usage", "A Sigstore bundle holds one signature: give one --key with --bundle.");
  }
  const { checkBundleKey, signBundle } = await sigstore();
  checkBundleKey(signer.publicKey);
  return {
    keyIds,
    bundles: true,
    sign: async (payload) => ({ bytes: await signBundle(payload, signer), signedBy }),
  };
}

/** Loaded when it is needed: no other command should wait for an HTTP client and its certificates. */
const sigstore = () => import("./sigstore.ts");

async function openSigners(paths: readonly string[], options: AttesterOptions): Promise<Signer[]> {
  if (paths.length === 0) throw new CliError("usage", "Say who signs: --key <file>, or --keyless.");
  const signers: Signer[] = [];
  const known = new Set<PublicKey["fingerprint"]>();
  for (const key of paths) {
    const signer = await openSigner({ ...options, key });
    if (known.has(signer.publicKey.fingerprint)) {
      throw new CliError("usage", `${key} is a key that was given already; it would count once.`);
    }
    known.add(signer.publicKey.fingerprint);
    signers.push(signer);
  }
  return options.certificate === undefined ? signers : [await certified(signers, options)];
}

/** An X.509 functionary signs with one key and shows its certificate, which a bundle has no place for. */
async function certified(
  [signer, second]: readonly Signer[],
  { certificate = "", bundle }: AttesterOptions,
): Promise<Signer> {
  if (signer === undefined || second !== undefined || bundle === true) {
    throw new CliError("usage", "--certificate goes with one --key, and without --bundle.");
  }
  return withCertificate(signer, decodeUtf8(await readInput(certificate, MAX_CERTIFICATE)));
}

const MAX_CERTIFICATE = 16_384;

/** `key 0123456789ab`, or the identity, on one line. */
export function signedByText(signedBy: readonly SignedBy[]): string {
  return signedBy
    .map((one) => ("keyId" in one ? `key ${short(one.keyId)}` : `${one.identity} (${one.issuer})`))
    .join(" and ");
}
