import { mkdir, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type BundleDocument, writeAtomically } from "@stemma/client";
import { sha256 } from "@stemma/crypto";
import type { Command } from "commander";
import { openBundleAt } from "../bundle-place.ts";
import { claimsOf } from "../bundle-standing.ts";
import { act, leaf } from "../command.ts";
import { CliError } from "../error.ts";
import type { PlaceOptions } from "../open-place.ts";
import { type Outcome, styled } from "../output.ts";
import { plural } from "../text.ts";

/** `stemma bundle extract`: every document of a bundle as a file, in the form of a mirror. */
export function addBundleExtractCommand(group: Command): void {
  const extract = leaf(
    group,
    "extract <bundle>",
    "Write the documents of a bundle, a file or oci:HOST/REPOSITORY:TAG, into a folder, as a mirror that stemma verify --directory takes",
  )
    .requiredOption("--to <folder>", "a folder that is empty or not there yet")
    .option("--plain-http", "without TLS, from a registry on this machine");
  act(extract, extractBundle);
}

interface ExtractOptions extends PlaceOptions {
  readonly to: string;
}

async function extractBundle(options: ExtractOptions, place: string): Promise<Outcome> {
  const { to } = options;
  const bundle = await openBundleAt(place, options);
  await createEmpty(to);
  for (const document of bundle.documents) {
    const path = join(to, pathOf(document));
    await mkdir(dirname(path), { recursive: true });
    await writeAtomically(dirname(path), basename(path), document.bytes, 0o644);
  }
  const { manifest, documents, subject } = bundle;
  const project = claimsOf(bundle).project;
  return {
    document: {
      folder: to,
      bundle: manifest.digest,
      documents: documents.length,
      digest: subject.digest,
      project,
    },
    lines: [
      [
        "Wrote ",
        styled("bold", to),
        `: ${plural(documents.length, "document")} of the bundle ${manifest.digest}`,
      ],
      `None of them was verified: stemma verify ${subject.digest} --directory ${to} --root <root.json>`,
    ],
  };
}

/** Where a mirror keeps a document. The names were checked when the bundle was read: none leads out of the folder. */
function pathOf({ kind, name, domain, bytes }: BundleDocument): string {
  if (kind === "evidence") return join("evidence", sha256(bytes));
  const folder = join(kind === "metadata" ? "metadata" : "targets", name ?? "");
  return domain === undefined ? folder : join("foreign", domain, folder);
}

/** Files that lie there already could be taken for the bundle's. Throws `file_exists`, `file_unreadable`. */
async function createEmpty(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length === 0) return;
  } catch (error) {
    throw new CliError(
      "file_unreadable",
      `${folder} cannot be made: ${(error as NodeJS.ErrnoException).code}.`,
      {
        cause: error,
      },
    );
  }
  throw new CliError("file_exists", `${folder} is not empty.`);
}
