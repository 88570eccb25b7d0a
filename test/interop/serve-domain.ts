/** Starts Stemma with one recorded artifact and runs a client of another implementation against it: COMMAND ARGUMENTS... */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hexOf } from "../support/domain.ts";
import { LiveDomain } from "../support/live-domain.ts";
import { startService } from "../support/service.ts";

const [command = "", ...args] = process.argv.slice(2);
const service = await startService();
try {
  const domain = await LiveDomain.create(service);
  const item = await domain.link("an artifact");
  await domain.record(item);
  const root = join(service.dataDirectory, "pinned-root.json");
  await writeFile(root, domain.root);
  const child = spawn(command, [...args, `${service.url}/${domain.name}`, root, hexOf(item.digest)], {
    stdio: "inherit",
  });
  const [exitCode] = await once(child, "close");
  process.exitCode = exitCode ?? 1;
} finally {
  await service.stop();
}
