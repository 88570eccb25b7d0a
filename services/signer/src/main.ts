import { StoreError } from "@stemma/store";
import { pino } from "pino";
import { readConfig } from "./config.ts";
import { SignerError } from "./error.ts";
import { loadKey, loadVerifier } from "./keys.ts";
import { startSigner } from "./service.ts";

/** The signer as a process: exit code 2 and one sentence when it cannot start as configured. */
async function main(): Promise<void> {
  const config = readConfig(process.env);
  const online = await loadKey(config, process.env);
  const verifier = config.verifier && (await loadVerifier(config.verifier, process.env, online));
  const log = pino({ level: config.logLevel, base: { service: "signer" } });
  const service = await startSigner(config, { online, verifier }, log);
  log.info({ key: online.publicKey.keyId, verifier: verifier?.id, instance: config.instance }, "Signing.");
  const stop = (signal: NodeJS.Signals): void => {
    log.info({ signal }, "Stopping after what is under way.");
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.fatal({ err: error }, "Could not stop in order.");
        process.exit(1);
      },
    );
  };
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
}

main().catch((error: unknown) => {
  const known = error instanceof SignerError || error instanceof StoreError;
  process.stderr.write(`${known ? error.message : (error as Error).stack}\n`);
  process.exit(known ? 2 : 1);
});
