// The peer of the codec figures, in a thread of its own so that it can be ended when it takes too long:
// @tufjs/models parses a document, checks one signature and writes it again.
import { parentPort, workerData } from "node:worker_threads";
import { Metadata, MetadataKind } from "@tufjs/models";

const { kind, text, delegator, role } = workerData;
const parent = Metadata.fromJSON(MetadataKind.Root, JSON.parse(delegator));
const start = performance.now();
const metadata = Metadata.fromJSON(
  kind === "targets" ? MetadataKind.Targets : MetadataKind.Snapshot,
  JSON.parse(text),
);
parent.verifyDelegate(role, metadata);
JSON.stringify(metadata.toJSON());
parentPort.postMessage(performance.now() - start);
