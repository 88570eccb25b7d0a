import { TrustedRoot as TrustedRootMessage } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial, Verifier } from "@sigstore/verify";
import { sha256 } from "@stemma/crypto";
import { asObject, type JsonObject, parseJson, type Sha256Hex, toPlain } from "@stemma/encoding";
import { isTimestampingCertificate } from "./certificate.ts";
import { reasonOf, SigstoreError } from "./error.ts";
import { SIGSTORE_LIMITS } from "./limits.ts";
import { list, optional } from "./members.ts";

/**
 * Whom keyless verification believes, made by `readTrustedRoot` alone: certificate authorities, the logs of their
 * certificates, transparency logs and timestamp authorities.
 */
export interface TrustedRoot {
  /** sha256 of the bytes of `trusted_root.json`. */
  readonly digest: Sha256Hex;
}

/** What a trusted root holds for this package. */
export interface Trust {
  readonly material: TrustMaterial;
  readonly verifier: Verifier;
}

const MEDIA_TYPES: ReadonlySet<string> = new Set([
  "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  "application/vnd.dev.sigstore.trustedroot.v0.1+json",
  "application/vnd.dev.sigstore.trustedroot.v0.2+json",
]);

const trusts = new WeakMap<TrustedRoot, Trust>();

/**
 * Reads `trusted_root.json` and checks it. Its keys and certificates are parsed here, once for all verifications.
 *
 * Throws `bad_trusted_root`, and EncodingError for JSON that is not strict, longer than a megabyte or of wrong types.
 */
export function readTrustedRoot(bytes: Uint8Array): TrustedRoot {
  const json = asObject(parseJson(bytes, { maxBytes: SIGSTORE_LIMITS.trustedRootBytes }), "The trusted root");
  if (!MEDIA_TYPES.has(String(json.get("mediaType")))) {
    throw bad("must have the media type of a Sigstore trusted root, v0.1 or v0.2");
  }
  checkPeriods(json);
  const material = toMaterial(json);
  checkMaterial(material);

  const root: TrustedRoot = Object.freeze({ digest: sha256(bytes) });
  trusts.set(root, { material, verifier: makeVerifier(material) });
  return root;
}

/** What `readTrustedRoot` found. Throws `bad_trusted_root` for objects that it did not make. */
export function trustOf(root: TrustedRoot): Trust {
  const trust = trusts.get(root);
  if (trust === undefined) throw bad("must be read with readTrustedRoot");
  return trust;
}

/** Every threshold is the trusted root's to decide; a bundle that leaves something out decides nothing. */
function makeVerifier(material: TrustMaterial): Verifier {
  return new Verifier(material, {
    tlogThreshold: material.tlogs.length > 0 ? 1 : 0,
    ctlogThreshold: material.ctlogs.length > 0 ? 1 : 0,
    // Never 0: without a proven time, the library compares the validity of certificates and keys with nothing.
    timestampThreshold: 1,
  });
}

function toMaterial(json: JsonObject): TrustMaterial {
  try {
    return toTrustMaterial(TrustedRootMessage.fromJSON(toPlain(json)), () => {
      throw new Error("There are no public keys beside certificates.");
    });
  } catch (error) {
    throw new SigstoreError("bad_trusted_root", `The trusted root cannot be read: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

function checkMaterial({ certificateAuthorities, timestampAuthorities, tlogs }: TrustMaterial): void {
  if (certificateAuthorities.length === 0)
    throw bad("names no certificate authority, so it vouches for nobody");
  if (timestampAuthorities.length + tlogs.length === 0) {
    throw bad("names no transparency log and no timestamp authority, so no time of signing could be proven");
  }
  for (const [index, { certChain }] of timestampAuthorities.entries()) {
    const [signing] = certChain;
    if (signing === undefined || !isTimestampingCertificate(signing)) {
      throw bad(
        `has a first certificate in timestampAuthorities[${index}] that is not for time stamping alone (RFC 3161 2.3)`,
      );
    }
  }
}

/** The library takes a start that is missing for 1970, and one that is no time for never. */
function checkPeriods(json: JsonObject): void {
  for (const name of ["tlogs", "ctlogs", "certificateAuthorities", "timestampAuthorities"]) {
    for (const [index, item] of list(json, name, "The trusted root").entries()) {
      const where = `${name}[${index}]`;
      const object = asObject(item, where);
      const holder = name.endsWith("logs") ? asObject(object.get("publicKey"), `${where}.publicKey`) : object;
      const period = asObject(optional(holder, "validFor") ?? new Map(), `${where}.validFor`);
      const [start, end] = [optional(period, "start"), optional(period, "end")];
      if (!isMoment(start)) throw bad(`must say since when ${where} is valid (validFor.start)`);
      if (end !== undefined && !isMoment(end))
        throw bad(`must say until when ${where} is valid (validFor.end)`);
    }
  }
}

/** RFC 3339 in UTC, as protobuf writes it; other texts would mean another time in another time zone. */
function isMoment(value: unknown): boolean {
  if (typeof value !== "string") return false;
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/.test(value)) return false;
  const time = new Date(value);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(value.slice(0, 19));
}

function bad(fault: string): SigstoreError {
  return new SigstoreError("bad_trusted_root", `The trusted root ${fault}.`);
}
