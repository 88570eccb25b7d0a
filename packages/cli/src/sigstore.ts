import { bundleToJSON } from "@sigstore/bundle";
import {
  CIContextProvider,
  DEFAULT_FULCIO_URL,
  DEFAULT_REKOR_URL,
  DSSEBundleBuilder,
  FulcioSigner,
  type IdentityProvider,
  InternalError,
  RekorWitness,
  type Signature,
  type Signer as SigstoreSigner,
  TSAWitness,
  type Witness,
} from "@sigstore/sign";
import type { PublicKey, Signer } from "@stemma/crypto";
import {
  asObject,
  asString,
  decodeUtf8,
  type JsonObject,
  member,
  parseJson,
  utf8,
  writeJson,
} from "@stemma/encoding";
import { PAYLOAD_TYPE, readEnvelope } from "@stemma/in-toto";
import { isLoopback } from "./api.ts";
import type { Attestation } from "./attester.ts";
import { identityIn } from "./bundle-signer.ts";
import { CliError } from "./error.ts";
import { readInput } from "./files.ts";
import { publicPem } from "./keys.ts";
import { note } from "./output.ts";

/** Whose services certify and log a keyless signature, and whom they are told it is. */
export interface SigstoreOptions {
  readonly identityTokenFile?: string;
  readonly fulcioUrl?: string;
  readonly rekorUrl?: string;
  readonly tsaUrl?: string;
}

/** The public instance, used where no service is named at all: whoever runs one of their own names all of them. */
const PUBLIC: Required<Services> = {
  fulcio: DEFAULT_FULCIO_URL,
  rekor: DEFAULT_REKOR_URL,
  tsa: "https://timestamp.sigstore.dev",
};
const AUDIENCE = "sigstore";
const NETWORK = { timeout: 30_000, retry: 2 } as const;
const MAX_TOKEN = 64 * 1024;

interface Services {
  readonly fulcio: string;
  readonly rekor?: string;
  readonly tsa?: string;
}

/**
 * Prepares signing with the identity of whoever runs this: an OIDC token that CI offers, or one in a file. The token is
 * looked at now, so that one which is missing costs no build, and read again when it is used, because it holds for
 * minutes. It is never printed.
 *
 * Throws `no_identity_token` and `usage`; the signing, `sigstore_refused` and `sigstore_unreachable`.
 */
export async function openKeyless(
  options: SigstoreOptions,
): Promise<(payload: JsonObject) => Promise<Attestation>> {
  const services = servicesOf(options);
  await readToken(options);
  return async (payload) => {
    note(
      `Keyless: the identity of this job, and the digest and signature of what it signs, become public for good at ${placesOf(services)}.`,
    );
    const token = await readToken(options);
    const provider: IdentityProvider = { getToken: async () => token };
    const signer = new Certified(
      new FulcioSigner({ fulcioBaseURL: services.fulcio, identityProvider: provider, ...NETWORK }),
    );
    const bytes = await withoutToken(token, () => build(payload, signer, witnessesOf(services)));
    return { bytes, signedBy: [{ issuer: issuerOf(token), identity: signer.identity() }] };
  };
}

/** A Sigstore bundle over a payload by a key of our own; no service takes part, and nothing proves the time. */
export function signBundle(payload: JsonObject, signer: Signer): Promise<Uint8Array> {
  const { publicKey } = signer;
  const sigstoreSigner: SigstoreSigner = {
    sign: async (data) => ({
      signature: Buffer.from(await signer.sign(data)),
      // By the hint, layouts find the key.
      key: { $case: "publicKey", publicKey: publicPem(publicKey), hint: publicKey.keyId },
    }),
  };
  return build(payload, sigstoreSigner, []);
}

/** Other clients verify bundles with SHA-256 alone. Throws `usage` for keys that sign with another hash, and for RSA-PSS. */
export function checkBundleKey({ scheme }: PublicKey): void {
  if (scheme === "ed25519" || scheme === "ecdsa-sha2-nistp256") return;
  throw new CliError("usage", "A Sigstore bundle takes an ed25519 or an ECDSA P-256 key.");
}

async function build(payload: JsonObject, signer: SigstoreSigner, witnesses: Witness[]): Promise<Uint8Array> {
  const builder = new DSSEBundleBuilder({ signer, witnesses });
  const bundle = await builder.create({ data: Buffer.from(writeJson(payload)), type: PAYLOAD_TYPE });
  // The library repeats the hint in the envelope, where it is nothing that others need, and where sigstore-go, and so
  // cosign, refuses whatever is not the key id that it would compute itself.
  for (const signature of bundle.content.dsseEnvelope.signatures) signature.keyid = "";
  const bytes = utf8(JSON.stringify(bundleToJSON(bundle)));
  // What our own reader refuses is not handed out.
  readEnvelope(bytes);
  return bytes;
}

/** Keeps the certificate that came with a signature. */
class Certified implements SigstoreSigner {
  private readonly inner: SigstoreSigner;
  private certificate: string | undefined;

  constructor(inner: SigstoreSigner) {
    this.inner = inner;
  }

  async sign(data: Buffer): Promise<Signature> {
    const signature = await this.inner.sign(data);
    if (signature.key.$case === "x509Certificate") this.certificate = signature.key.certificate;
    return signature;
  }

  /** The identity in the certificate, for people. */
  identity(): string {
    return this.certificate === undefined ? "" : identityIn(this.certificate);
  }
}

function servicesOf(options: SigstoreOptions): Services {
  // An environment variable that is empty names nothing.
  const [fulcioUrl, rekorUrl, tsaUrl] = [options.fulcioUrl, options.rekorUrl, options.tsaUrl].map((url) =>
    url === "" ? undefined : url,
  );
  if (fulcioUrl === undefined && rekorUrl === undefined && tsaUrl === undefined) return PUBLIC;
  if (fulcioUrl === undefined) {
    throw new CliError("usage", "Name --fulcio-url as well: the services of one Sigstore belong together.");
  }
  if (rekorUrl === undefined && tsaUrl === undefined) {
    throw new CliError("usage", "Name --rekor-url or --tsa-url: without either, nothing proves the time.");
  }
  return {
    fulcio: address(fulcioUrl),
    ...(rekorUrl === undefined ? {} : { rekor: address(rekorUrl) }),
    ...(tsaUrl === undefined ? {} : { tsa: address(tsaUrl) }),
  };
}

/** An address of a service. Others could read the token on a connection in the clear, so there it is refused. */
function address(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback(url.hostname));
  if (!isSafe) throw new CliError("usage", `"${text}" is not the https address of a Sigstore service.`);
  return text.replace(/\/+$/, "");
}

function witnessesOf({ rekor, tsa }: Services): Witness[] {
  return [
    // Of the entries of Rekor v1, the one that is about a DSSE envelope and that verifiers read.
    ...(rekor === undefined
      ? []
      : [new RekorWitness({ rekorBaseURL: rekor, entryType: "dsse", ...NETWORK })]),
    ...(tsa === undefined ? [] : [new TSAWitness({ tsaBaseURL: tsa, ...NETWORK })]),
  ];
}

function placesOf({ fulcio, rekor }: Services): string {
  return [fulcio, rekor].filter((place) => place !== undefined).join(" and ");
}

/** The OIDC token: of a file, or the one that CI offers to the job. Throws `no_identity_token`. */
async function readToken({ identityTokenFile }: SigstoreOptions): Promise<string> {
  const token =
    identityTokenFile === undefined
      ? await ambientToken()
      : decodeUtf8(await readInput(identityTokenFile, MAX_TOKEN)).trim();
  issuerOf(token);
  return token;
}

async function ambientToken(): Promise<string> {
  const token: unknown = await new CIContextProvider(AUDIENCE).getToken().catch(() => undefined);
  if (typeof token === "string" && token !== "" && token.length <= MAX_TOKEN) return token;
  throw new CliError(
    "no_identity_token",
    "CI offers no OIDC token: GitHub Actions needs the permission id-token: write, GitLab an id_tokens entry SIGSTORE_ID_TOKEN with the audience sigstore; elsewhere use --identity-token-file.",
  );
}

/** Who issued a token, which says so unencrypted. Throws `no_identity_token`, without a word of what was read. */
function issuerOf(token: string): string {
  try {
    const claims = asObject(
      parseJson(Buffer.from(token.split(".", 2)[1] ?? "", "base64url"), { fractions: true }),
      "claims",
    );
    return asString(member(claims, "iss", "claims"), "iss");
  } catch {
    throw new CliError(
      "no_identity_token",
      "The identity token is not a JSON Web Token that names its issuer.",
    );
  }
}

/** Turns what the library throws into refusals, and keeps the token out of them: the library puts it into messages. */
async function withoutToken<T>(token: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    if (error.code.startsWith("IDENTITY_TOKEN")) {
      throw new CliError(
        "no_identity_token",
        "The identity token names no subject that Fulcio could certify.",
      );
    }
    const status = statusOf(error.cause);
    const refused = status !== undefined && status < 500;
    throw new CliError(
      refused ? "sigstore_refused" : "sigstore_unreachable",
      `${refused ? "Sigstore refused to take part" : "Sigstore is out of reach"}: ${error.message.replaceAll(token, "[token]")}.`,
    );
  }
}

function statusOf(cause: unknown): number | undefined {
  if (typeof cause !== "object" || cause === null || !("statusCode" in cause)) return undefined;
  return typeof cause.statusCode === "number" ? cause.statusCode : undefined;
}
