import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "@jest/globals";

/** Test vectors of other projects, which are not part of this repository. */
const folder =
  process.env.STEMMA_VECTORS ?? join(import.meta.dirname, "..", "..", "..", "..", "..", "shared", "vectors");

/** A test vector, as it is on disk. */
export function vector(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(folder, path)));
}

/** A `describe` that needs the vectors of one folder, and says so where they are absent. */
export function describeWithVectors(path: string, name: string, body: () => void): void {
  if (existsSync(join(folder, path))) {
    describe(name, body);
    return;
  }
  console.warn(`SKIPPED: "${name}" needs the test vectors in ${join(folder, path)} (set STEMMA_VECTORS).`);
  // The body itself is not run: it may read vectors before its first test does.
  describe(name, () => test.skip("needs the test vectors", () => undefined));
}
