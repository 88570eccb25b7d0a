import { BUNDLE_LIMITS, type OpenBundle, readBundle } from "@stemma/client";
import { readInput } from "./files.ts";

/** A bundle that was opened, and where it was. */
export interface BundleAt {
  readonly bundle: OpenBundle;
  /** The file, or the reference. */
  readonly place: string;
}

/** Opens a bundle from a file. Throws `file_unreadable`, ClientError. */
export async function openBundleAt(place: string): Promise<BundleAt> {
  return { bundle: readBundle(await readInput(place, BUNDLE_LIMITS.fileBytes)), place };
}
