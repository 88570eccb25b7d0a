/** Writes a trust domain's pinned root, an artifact and its bundle into a folder, all of the present. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bundleFile } from "../support/bundle.ts";
import { DomainFixture } from "../support/domain.ts";

const [folder = "."] = process.argv.slice(2);
const domain = await DomainFixture.create();
await domain.moveToPresent();
await writeFile(join(folder, "root.json"), domain.root);
await writeFile(join(folder, "app"), domain.artifact);
await writeFile(join(folder, "app.bundle"), await bundleFile(domain));
