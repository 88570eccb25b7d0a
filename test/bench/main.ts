/**
 * `npm run bench`: Stemma's figures, each beside the machine's own limit or a peer in the same run.
 * `npm run bench -- --json` prints the same as one JSON document; `-- codec verdict` measures some groups only.
 */
import { cpus } from "node:os";
import { readRunning } from "@stemma/store";
import { LiveDomain } from "../support/live-domain.ts";
import { type RunningService, startService } from "../support/service.ts";
import { bundleFigures } from "./bundle.ts";
import { codecFigures } from "./codec.ts";
import { httpFigures } from "./http.ts";
import { inTotoFigures } from "./in-toto.ts";
import { keylessFigures } from "./keyless.ts";
import { lineageFigures } from "./lineage.ts";
import { publishFigures } from "./publish.ts";
import { type Figure, table } from "./report.ts";
import { verdictFigures } from "./verdict.ts";

const groups: Record<string, () => Promise<Figure[]>> = {
  codec: codecFigures,
  verdict: verdictFigures,
  bundle: bundleFigures,
  keyless: keylessFigures,
  "in-toto": inTotoFigures,
  publish: () => onService(async (service, domain) => publishFigures(domain, await databaseOf(service))),
  lineage: () => onService(async (service) => lineageFigures(await databaseOf(service))),
  http: () => onService((_service, domain) => httpFigures(domain)),
};

async function databaseOf({ dataDirectory }: RunningService): Promise<string> {
  const { databaseUrl } = (await readRunning(dataDirectory)) ?? {};
  if (databaseUrl === undefined) throw new Error("The service has not announced its database.");
  return databaseUrl;
}

/** Runs a measurement against `npm start` as it is, with a trust domain of 64 bins. */
async function onService(
  measure: (service: RunningService, domain: LiveDomain) => Promise<Figure[]>,
): Promise<Figure[]> {
  const service = await startService();
  try {
    return await measure(service, await LiveDomain.create(service));
  } finally {
    await service.stop();
  }
}

const args = process.argv.slice(2);
const asJson = args.includes("--json");
const chosen = args.filter((arg) => !arg.startsWith("--"));
const unknown = chosen.filter((name) => !(name in groups));
if (unknown.length > 0) {
  process.stderr.write(
    `There is no group ${unknown.join(", ")}; there are ${Object.keys(groups).join(", ")}.\n`,
  );
  process.exit(2);
}

const figures: Figure[] = [];
for (const [name, measure] of Object.entries(groups)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  process.stderr.write(`Measuring ${name} ...\n`);
  figures.push(...(await measure()));
}

const machine = { node: process.version, cpu: cpus()[0]?.model ?? "unknown", cores: cpus().length };
if (asJson) {
  process.stdout.write(`${JSON.stringify({ machine, figures }, null, 2)}\n`);
} else {
  process.stdout.write(
    `\nNode ${machine.node}, ${machine.cores} cores, ${machine.cpu}\n\n${table(figures)}\n`,
  );
}
