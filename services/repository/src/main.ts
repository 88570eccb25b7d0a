import { StemmaError } from "@stemma/encoding";
import { ConfigError, readConfig } from "./config.ts";
import { startRepository } from "./service.ts";

/** The process: settings from the environment, one sentence and exit code 2 for a wrong one, an orderly end on SIGTERM. */
async function main(): Promise<void> {
  const service = await startRepository(readConfig(process.env));
  const stop = () => {
    service.stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

main().catch((error: unknown) => {
  if (error instanceof ConfigError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(2);
  }
  const sentence = error instanceof StemmaError ? error.message : String(error);
  process.stderr.write(`The repository service cannot start: ${sentence}\n`);
  process.exit(1);
});
