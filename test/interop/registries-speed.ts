import { randomFillSync } from "node:crypto";
import { describeBytes, IMAGE_CONFIG, LAYER_TAR_GZIP, readDocument, writeManifest } from "@stemma/image";
import { blobsOf, registryStore } from "@stemma/oci";
import type { RealRegistry, Toolbox } from "./registries-there.ts";

const LAYERS = 8;
const LAYER_BYTES = 32 * 1024 * 1024;
const ROUNDS = 3;

/**
 * An image of 256 MiB goes from CNCF distribution to Debian's docker-registry, each time to a repository that is new, by one
 * tool after the other and all of that three times. Printed is the best of each: what else the machine does only slows down.
 */
export async function measureCopies(box: Toolbox, registries: readonly RealRegistry[]): Promise<void> {
  const [to, from] = registries;
  if (to === undefined || from === undefined) return;
  const tools = box.copyTools().filter(({ name }) => ["stemma", "crane", "skopeo"].includes(name));
  const best = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    // New content, for skopeo remembers where it has seen a blob and lets the registry lend it to itself.
    await pushLarge(from.host, `large-${round}`);
    for (const tool of tools) {
      const began = performance.now();
      const target = `${to.host}/fast/${tool.name}-${round}:1.0`;
      await box.run(tool.name, tool.copy(`${from.host}/large-${round}:1.0`, target));
      const seconds = (performance.now() - began) / 1000;
      best.set(tool.name, Math.min(best.get(tool.name) ?? Number.POSITIVE_INFINITY, seconds));
    }
  }
  process.stdout.write(`\ncopy of ${(LAYERS * LAYER_BYTES) / 1024 ** 2} MiB, ${from.name} → ${to.name}\n`);
  for (const [name, seconds] of best) {
    const rate = (LAYERS * LAYER_BYTES) / 1024 ** 2 / seconds;
    process.stdout.write(`  ${name.padEnd(7)} ${seconds.toFixed(2)} s, ${rate.toFixed(0)} MiB/s\n`);
  }
}

async function pushLarge(host: string, repository: string): Promise<void> {
  const store = registryStore({ host, repository }, { plainHttp: true });
  const config = new TextEncoder().encode('{"os":"linux","architecture":"amd64"}');
  const layers = [];
  for (let at = 0; at < LAYERS; at += 1) {
    const bytes = randomFillSync(new Uint8Array(LAYER_BYTES));
    const layer = describeBytes(LAYER_TAR_GZIP, bytes);
    await store.writeBlob(layer, blobsOf(bytes));
    layers.push(layer);
  }
  const described = describeBytes(IMAGE_CONFIG, config);
  await store.writeBlob(described, blobsOf(config));
  await store.writeDocument(readDocument(writeManifest({ config: described, layers })), { tag: "1.0" });
}
