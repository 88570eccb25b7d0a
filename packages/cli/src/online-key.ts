import type { OnlineKeysAnswer } from "@stemma/contract";
import { type PublicKey, readPublicKey } from "@stemma/crypto";
import { fromPlain } from "@stemma/encoding";
import { callServer, type ServerOptions } from "./api.ts";
import { CliError } from "./error.ts";

/**
 * The newest online key that the service announces. Whoever signs a root with it should compare the key id with what
 * the operator says over another channel: this answer is only as good as the connection. Throws as `callServer`.
 */
export async function serverOnlineKey(options: ServerOptions): Promise<PublicKey> {
  const { body } = await callServer<OnlineKeysAnswer>(options, "onlineKeys");
  const [newest] = [...body.keys].sort((a, b) => Date.parse(b.announcedAt) - Date.parse(a.announcedAt));
  if (newest === undefined) {
    throw new CliError(
      "server_answer_invalid",
      "The server announces no online key; its signer has not started yet.",
    );
  }
  return readPublicKey(fromPlain(newest.key), "The online key of the server");
}
