import { fileURLToPath } from "node:url";

/**
 * The checkout that this command runs from; undefined for the packed command, which is one file somewhere else. Found from
 * our own address, never from the working folder, which may be anybody's (N-49).
 */
export function checkoutFolder(): string | undefined {
  if (!import.meta.url.endsWith("/packages/cli/src/checkout.ts")) return undefined;
  return fileURLToPath(new URL("../../../", import.meta.url));
}
