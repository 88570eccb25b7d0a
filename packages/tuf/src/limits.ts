/**
 * What a repository may cost a client before any signature is checked. Every count comes from a document that
 * nobody has verified yet. The byte limits, delegations and rotations are those of python-tuf, go-tuf and tuf-js.
 */
export interface Limits {
  readonly rootLength: number;
  readonly timestampLength: number;
  readonly snapshotLength: number;
  readonly targetsLength: number;
  /** Signatures of one document (N-06). */
  readonly signatures: number;
  /** Key ids of one role. */
  readonly keysPerRole: number;
  /** Delegated roles of one document. */
  readonly roles: number;
  /** Path patterns or hash prefixes of one delegated role. */
  readonly patterns: number;
  /** UTF-16 units of one path pattern. */
  readonly patternLength: number;
  /** Roles visited below targets in one look-up (TUF 5.6.7.1). */
  readonly delegations: number;
  /** Root versions fetched in one refresh (TUF 5.3.3). */
  readonly rootRotations: number;
}

export const DEFAULT_LIMITS: Limits = {
  rootLength: 512_000,
  timestampLength: 16_384,
  snapshotLength: 2_000_000,
  targetsLength: 5_000_000,
  signatures: 64,
  keysPerRole: 64,
  roles: 16_384,
  patterns: 1_000,
  patternLength: 256,
  delegations: 32,
  rootRotations: 256,
};
