/** Writes docs/reason-codes.md from the one list of codes; a test compares the two. */
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { reasonCodesPage } from "../test/support/reason-codes.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
await writeFile(join(root, "docs/reason-codes.md"), reasonCodesPage());
