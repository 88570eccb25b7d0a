import { signerFromPem } from "@stemma/crypto";
import { createPool } from "@stemma/store";
import { DEFAULT_PERIODS } from "../../src/periods.ts";
import { Publisher } from "../../src/publish.ts";

/**
 * A signer process that dies at one step: `node signer-process.ts URL DOMAIN STEP`, the key in KEY. It prints
 * "reached" and then waits there for its `kill -9`; with the step "none" it publishes and ends.
 */
const [url = "", domain = "", wanted = ""] = process.argv.slice(2);
const pool = createPool({ connectionString: url, applicationName: "doomed signer" });
const publisher = new Publisher({
  pool,
  signers: [signerFromPem(process.env.KEY ?? "")],
  periods: DEFAULT_PERIODS,
  bitLength: 4,
  clock: () => new Date(),
  async onStep(step) {
    if (step !== wanted) return;
    process.stdout.write("reached\n");
    await new Promise(() => setInterval(() => undefined, 1000));
  },
});
await publisher.publish(Number(domain));
await pool.end();
