/** Writes docs/reason-codes.md and docs/cli.md from the code that they describe; a test compares them. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cliReferencePage } from "../test/support/cli-reference.ts";
import { reasonCodesPage } from "../test/support/reason-codes.ts";

const docs = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs");
await writeFile(join(docs, "reason-codes.md"), reasonCodesPage());
await writeFile(join(docs, "cli.md"), cliReferencePage());
