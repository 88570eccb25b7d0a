import type { JsonValue } from "@stemma/encoding";
import { DAY, NOW, type Repository } from "./repository.ts";
import { newSigner } from "./signers.ts";

/** Steps of one history: after each, both clients look the path up. */
export type Steps = readonly ((made: Repository) => Promise<unknown> | unknown)[];
const past = new Date(NOW.getTime() - DAY);

/** Honest and dishonest histories of a repository whose targets delegate to `project`, by name. */
export const HISTORIES: Readonly<
  Record<string, { setUp?: (made: Repository) => void; steps: Steps; path?: string }>
> = {
  "honest releases": {
    steps: [(made) => made.release("targets"), (made) => made.release("targets", "project")],
  },
  "key rotation of every role": {
    steps: (["timestamp", "snapshot", "targets"] as const).map((role) => async (made: Repository) => {
      made.top[role].keys = [newSigner()];
      await made.publishRoot();
      await made.release("targets");
    }),
  },
  "timestamp rolled back": {
    steps: [
      (made) => made.publishTimestamp(),
      (made) => {
        made.versions.timestamp = 1;
        return made.writeTimestamp();
      },
    ],
  },
  "snapshot rolled back": {
    steps: [
      (made) => made.release(),
      (made) => {
        made.versions.snapshot = 1;
        return made.publishTimestamp();
      },
    ],
  },
  "targets rolled back": {
    steps: [
      (made) => made.release("targets"),
      (made) => {
        made.role("targets").version = 0;
        return made.release("targets");
      },
    ],
  },
  "role removed from the snapshot": {
    steps: [
      (made) => {
        made.meta.delete("project");
        return made.release();
      },
    ],
  },
  "root skips a version": {
    steps: [
      async (made) => {
        await made.publishRoot();
        await made.publishRoot();
        made.files.set("2.root", made.file("3.root"));
      },
    ],
  },
  "expired timestamp": {
    steps: [
      (made) => {
        made.expires.set("timestamp", past);
        return made.publishTimestamp();
      },
      (made) => {
        made.expires.delete("timestamp");
        return made.publishTimestamp();
      },
    ],
  },
  "expired snapshot": {
    steps: [
      (made) => {
        made.expires.set("snapshot", past);
        return made.release();
      },
    ],
  },
  "expired project": {
    steps: [
      (made) => {
        made.role("project").expires = past;
        return made.release("project");
      },
    ],
  },
  "snapshot keys rotated after its version was run up": {
    steps: [
      (made) => {
        made.versions.snapshot = 9_999;
        return made.release();
      },
      async (made) => {
        made.versions.snapshot = 1;
        made.top.snapshot.keys = [newSigner()];
        await made.publishRoot();
        await made.release();
      },
    ],
  },
  "timestamp and snapshot keys rotated after that": {
    steps: [
      (made) => {
        made.versions.snapshot = 9_999;
        return made.release();
      },
      async (made) => {
        made.versions.snapshot = 1;
        made.top.snapshot.keys = [newSigner()];
        made.top.timestamp.keys = [newSigner()];
        await made.publishRoot();
        await made.release();
      },
    ],
  },
  "length above the cap": {
    setUp: (made) => {
      made.metaHashes = true;
    },
    steps: [
      (made) => {
        const hashes = new Map([["sha256", "ab".repeat(32)]]);
        for (let at = 0; at < 40; at += 1)
          made.role("project").targets.set(`f${at}`, { length: 1, hashes, custom: undefined });
        return made.release("project");
      },
    ],
  },
  "unknown digest beside a sha256": {
    setUp: (made) => {
      made.metaHashes = true;
    },
    steps: [
      async (made) => {
        made.edits.set("timestamp", (signed) => {
          const meta = signed.get("meta") as Map<string, Map<string, JsonValue>>;
          (meta.get("snapshot.json")?.get("hashes") as Map<string, JsonValue> | undefined)?.set(
            "blake9",
            "00",
          );
        });
        await made.publishSnapshot();
        await made.publishTimestamp();
      },
    ],
  },
  "target without digests": {
    steps: [
      (made) => {
        made.role("project").targets.set("x", { length: 1, hashes: new Map(), custom: undefined });
        return made.release("project");
      },
    ],
    path: "x",
  },
  "target with md5 only": {
    steps: [
      (made) => {
        made
          .role("project")
          .targets.set("x", { length: 1, hashes: new Map([["md5", "00"]]), custom: undefined });
        return made.release("project");
      },
    ],
    path: "x",
  },
  "mixed and matched files": {
    setUp: (made) => {
      made.metaHashes = true;
    },
    steps: [
      async (made) => {
        await made.release("targets", "project");
        made.files.set("2.project", made.file("1.project"));
      },
    ],
  },
  "a bin of succinct roles": {
    setUp: (made) => {
      made.role("project").delegations = [];
      made.delegateBins("project", 1, "bin", ["bin-0", "bin-1"]);
      made.addTarget("bin-0", "file-a", "x");
      made.addTarget("bin-1", "file-a", "x");
    },
    steps: [(made) => made.release("bin-0", "bin-1")],
    path: "file-a",
  },
};
