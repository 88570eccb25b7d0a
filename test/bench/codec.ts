import { Worker } from "node:worker_threads";
import { decodeUtf8, type JsonObject, writeJson } from "@stemma/encoding";
import {
  checkThreshold,
  DEFAULT_LIMITS,
  decodeRoot,
  decodeSnapshot,
  decodeTargets,
  type Metadata,
  rootPayload,
  signPayload,
  snapshotPayload,
  type TargetFile,
  targetsPayload,
} from "@stemma/tuf";
import { days, newSigner } from "../support/domain.ts";
import { bestOf, type Figure } from "./report.ts";

const PEER_LIMIT_MS = 20_000;
const NOW = new Date("2026-11-24T00:00:00Z");

/** Parse, verify and write again: Stemma's codec beside @tufjs/models, which the stock client uses. */
export async function codecFigures(): Promise<Figure[]> {
  const signer = newSigner();
  const role = { keys: [signer.publicKey], threshold: 1 };
  const root = await signPayload(
    rootPayload({
      version: 1,
      expires: days(NOW, 30),
      roles: { root: role, timestamp: role, snapshot: role, targets: role },
    }),
    [signer],
  );
  const trusted = decodeRoot(root).signed;
  // Limits of stock clients do not hold for what is only measured.
  const limits = { ...DEFAULT_LIMITS, targetsLength: 100_000_000, snapshotLength: 100_000_000 };

  const figures: Figure[] = [];
  const measure = async (kind: "targets" | "snapshot", count: number, payload: JsonObject): Promise<void> => {
    const bytes = await signPayload(payload, [signer]);
    const own = bestOf(count > 20_000 ? 3 : 7, 1, () => {
      const metadata: Metadata =
        kind === "targets" ? decodeTargets(bytes, limits) : decodeSnapshot(bytes, limits);
      const entry = trusted.roles.get(kind);
      if (entry === undefined) throw new Error("The root has no such role.");
      checkThreshold(metadata, kind, entry, trusted.keys);
      writeJson(metadata.document);
    });
    const peer = await peerTime(kind, decodeUtf8(bytes), decodeUtf8(root));
    const words = kind === "targets" && count === 10_000 ? "under 60 ms" : undefined;
    figures.push({
      group: "codec",
      name: `${kind} of ${count.toLocaleString("en")}`,
      value: own,
      unit: "ms",
      reference: { name: "@tufjs/models", value: peer },
      ...(words === undefined ? {} : { goal: { words, met: own < 60 } }),
    });
  };

  for (const count of [1_000, 10_000, 100_000]) await measure("targets", count, targetsOf(count));
  for (const count of [1_024, 16_384]) await measure("snapshot", count, snapshotOf(count));
  const [small, large] = [figures[1]?.value ?? Number.NaN, figures[2]?.value ?? Number.NaN];
  figures.push({
    group: "codec",
    name: "growth from 10,000 to 100,000 targets, a 10,000",
    value: large / 10,
    unit: "ms",
    reference: { name: "the 10,000 alone", value: small },
    goal: { words: "linear: within 2×", met: large / 10 < small * 2 },
  });
  return figures;
}

function targetsOf(count: number): JsonObject {
  const targets = new Map<string, TargetFile>();
  for (let index = 0; index < count; index += 1) {
    const hex = index.toString(16).padStart(64, "0");
    targets.set(`sha256/${hex}`, { length: index, hashes: new Map([["sha256", hex]]), custom: undefined });
  }
  return targetsPayload({ version: 1, expires: days(NOW, 30), targets });
}

function snapshotOf(count: number): JsonObject {
  const meta = new Map<string, number>([["targets", 1]]);
  for (let index = 1; index < count; index += 1) meta.set(`bin-${index.toString(16).padStart(4, "0")}`, 1);
  return snapshotPayload({ version: 1, expires: days(NOW, 30), meta });
}

/** Milliseconds that the peer takes, or undefined when it is not done in its time. */
function peerTime(kind: string, text: string, delegator: string): Promise<number | undefined> {
  const worker = new Worker(new URL("./tufjs-peer.mjs", import.meta.url), {
    workerData: { kind, text, delegator, role: kind },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve(undefined);
      void worker.terminate();
    }, PEER_LIMIT_MS);
    worker.once("message", (time: number) => {
      clearTimeout(timer);
      resolve(time);
      void worker.terminate();
    });
    worker.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}
