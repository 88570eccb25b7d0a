import { StoreError } from "@stemma/store";
import { ConfigError, readConfig } from "./config.ts";
import { Failure, startStandalone } from "./standalone.ts";

/** `npm start`: exit code 2 and one sentence when it cannot start as configured, 1 when a part fails. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const asked = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => asked.resolve());

  const start = startStandalone(config, process.env);
  const stopEarly = asked.promise.then(() => "asked" as const);
  const standalone = await Promise.race([start, stopEarly]);
  if (standalone === "asked") {
    await start.then(
      (started) => started.stop(),
      () => undefined,
    );
    return;
  }
  process.stdout.write(greeting(standalone.address, config.dataDirectory, standalone.databaseDirectory));
  const failure = await Promise.race([standalone.failed, asked.promise]);
  if (failure instanceof Failure) throw failure;
  await standalone.stop();
}

function greeting(address: string, dataDirectory: string, databaseDirectory: string | undefined): string {
  const elsewhere = databaseDirectory !== undefined && !databaseDirectory.startsWith(dataDirectory);
  return `Stemma is running at ${address}
  data in ${dataDirectory}${elsewhere ? `, the database in ${databaseDirectory}` : ""}
What to try next, in another terminal:
${columns([
  [`curl ${address}/v1/online-keys`, "the key that a new trust domain names for timestamp and snapshot"],
  ["npm run stemma -- --help", "make keys, a trust domain, a project; record and verify artifacts"],
  ["npm run demo", "the whole story, with real artifacts and refused attacks"],
  [`${address}/docs`, "the HTTP API"],
])}
Stop it with Ctrl-C.
`;
}

/** Two columns, the second one as far to the right as the first one is wide. */
function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join("\n");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    // A service with a wrong setting has already said so.
    const said = error instanceof Failure && error.exitCode === 2;
    const known = error instanceof ConfigError || error instanceof StoreError || error instanceof Failure;
    if (!said) process.stderr.write(`${known ? error.message : (error as Error).stack}\n`);
    process.exit(error instanceof Failure ? error.exitCode : known ? 2 : 1);
  },
);
