import { StemmaError } from "@stemma/encoding";

/** Why the database cannot be used, or refused what was asked of it. */
export const STORE_CODES = [
  "database_unreachable",
  "database_too_old",
  "database_not_durable",
  "database_not_migrated",
  "database_newer",
  "migration_changed",
  "migration_failed",
  "embedded_unsupported",
  "embedded_unreachable",
  "embedded_in_use",
  "embedded_failed",
  "stored_bytes_damaged",
] as const;

export type StoreCode = (typeof STORE_CODES)[number];

/** Thrown by this package only. */
export class StoreError extends StemmaError<StoreCode> {}
