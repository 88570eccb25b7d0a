import { equalBytes } from "@stemma/encoding";
import { TrustedMetadata } from "@stemma/tuf";
import { ClientError } from "./error.ts";
import type { Source } from "./source.ts";

/**
 * The roots from version 1 to the pinned one, for those who pinned an earlier one. The chain is verified from its beginning
 * (TUF 5.3), and must arrive at the very bytes that are pinned. Undefined where the source does not have all of them.
 *
 * @throws ClientError roots_do_not_lead_here
 * @throws TufError when a root is not signed by the one before it
 */
export async function rootsUpTo(
  pinned: Uint8Array,
  source: Source,
): Promise<readonly Uint8Array[] | undefined> {
  // No root of a chain is judged by its expiry.
  const time = new Date(0);
  const { root, limits } = TrustedMetadata.create(pinned, { time });
  const { version } = root.signed;
  if (version === 1) return [pinned];
  const chain: Uint8Array[] = [];
  let trusted: TrustedMetadata | undefined;
  for (let next = 1; next <= version; next += 1) {
    const bytes = await source.metadata("root", next, limits.rootLength);
    if (bytes === undefined) return undefined;
    if (trusted === undefined) trusted = TrustedMetadata.create(bytes, { time });
    else trusted.updateRoot(bytes);
    chain.push(bytes);
  }
  if (!equalBytes(chain.at(-1) ?? new Uint8Array(), pinned)) {
    throw new ClientError(
      "roots_do_not_lead_here",
      `The source's chain of roots leads to another root of version ${version} than the pinned one.`,
    );
  }
  return chain;
}
