import { StemmaError } from "@stemma/encoding";
import { ConfigError, readConfig } from "./config.ts";
import { startRepository } from "./service.ts";

/** The process: settings from the environment, one sentence and exit code 2 for a wrong one, an orderly end on SIGTERM. */
async function main(): Promise<void> {
  const starting = startRepository(readConfig(process.env));
  // From the first moment: a signal that comes while the service starts ends it as soon as it stands.
  const stop = () => {
    starting
      .then((service) => service.stop())
      .then(
        () => process.exit(0),
        () => process.exit(1),
      );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  await starting;
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
