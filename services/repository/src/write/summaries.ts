import { ServiceError, type VerifierKeyAnswer } from "@stemma/contract";
import { parseDigest } from "@stemma/encoding";
import { readSummary, readVerifierKey, requestSummary, type VerifierKey } from "@stemma/store";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { claimedRecord } from "../read/artifacts.ts";
import type { Context } from "../service.ts";
import { awaitSigner } from "./outcome.ts";

/** DSSE 1.0, envelope. */
const ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json";

/**
 * Verification summaries. This process faces the network and holds no key: the signer reaches a verdict of its own and
 * signs it, and here it is only asked for and handed out.
 */
export function summaryHandlers(context: Context): Pick<Handlers, "issueSummary" | "verifierKey"> {
  const { pool, domains } = context;

  async function verifier(): Promise<VerifierKey> {
    const found = await readVerifierKey(pool);
    if (found !== undefined) return found;
    throw new ServiceError("summaries_not_offered", "The signer of this service has no verifier's key.");
  }

  return {
    async issueSummary({ params, body, signal }) {
      const published = await domains.published(params.domain);
      const { domain, head } = published;
      const digest = parseDigest(params.digest);
      await claimedRecord(context, published, digest, body.project);
      await verifier();
      const subject = { domainId: domain.id, digest, project: body.project, epoch: head.epoch };
      const look = () => readSummary(pool, subject);
      let summary = await look();
      if (summary === undefined) {
        await requestSummary(pool, subject);
        summary = await awaitSigner(context, domain, signal, look);
      }
      if (summary === undefined) {
        throw new ServiceError("deadline_exceeded", "The signer has not issued the summary yet; ask again.");
      }
      domains.files.checkBytes(`${domain.id} summary of ${digest}`, summary.bytes, summary.sha256);
      return { status: 200, mediaType: ENVELOPE_TYPE, body: Buffer.from(summary.bytes), cache: "none" };
    },

    async verifierKey() {
      const { verifierId, keyId, publicKey } = await verifier();
      const answer: VerifierKeyAnswer = {
        id: verifierId,
        keyid: keyId,
        key: publicKey as Record<string, unknown>,
      };
      return jsonAnswer(200, answer);
    },
  };
}
