import type { Head } from "@stemma/store";

/** The versions that an answer rests on. */
export function versionsOf(head: Head): {
  root: number;
  timestamp: number;
  snapshot: number;
  targets: number;
} {
  return {
    root: head.rootVersion,
    timestamp: head.timestampVersion,
    snapshot: head.snapshotVersion,
    targets: head.targetsVersion,
  };
}
