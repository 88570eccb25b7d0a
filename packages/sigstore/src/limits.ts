import { SigstoreError } from "./error.ts";

/** What a bundle or a trusted root may cost, checked before any cryptography (N-55). */
export const SIGSTORE_LIMITS = {
  /** Bytes of a bundle as received. */
  bundleBytes: 6_000_000,
  /** Entries of transparency logs in a bundle. */
  logEntries: 32,
  /** RFC 3161 timestamps in a bundle. */
  timestamps: 32,
  /** Certificates in the chain of a bundle. */
  certificates: 10,
  /** Bytes of one certificate: a parsed one takes a hundred times its size in memory. */
  certificateBytes: 16_384,
  /** Bytes of one timestamp, for the same reason. */
  timestampBytes: 16_384,
  /** UTF-16 units of a log's checkpoint, whose numbers are read before its signature. */
  checkpointLength: 16_384,
  /** Bytes of a trusted root as received. */
  trustedRootBytes: 1_000_000,
} as const;

/** Throws `limit_exceeded` when there are more than `limit`. */
export function checkLimit(count: number, limit: number, where: string, what: string): void {
  if (count > limit) {
    throw new SigstoreError(
      "limit_exceeded",
      `${where} has ${count} ${what}; at most ${limit} are accepted.`,
    );
  }
}
