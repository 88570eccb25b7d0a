import { ServiceError } from "@stemma/contract";
import { parseDigest } from "@stemma/encoding";
import { factsOf, type LineageNode, type Verdict } from "@stemma/lineage";
import { type Domain, noteFacts, readDescendants, tryLockLineage, withTransaction } from "@stemma/store";
import { type Answer, jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import { NOTICE } from "../read/artifacts.ts";
import type { Context } from "../service.ts";

const PAGE = 100;

interface Page {
  readonly limit?: string | undefined;
  readonly after?: string | undefined;
}

/** What an artifact rests on, and what rests on it. */
export function lineageHandlers(
  context: Context,
): Pick<Handlers, "showLineage" | "listDescendants" | "listBlastRadius"> {
  const { domains, clock, pool } = context;

  async function page(name: string, node: LineageNode, query: Page): Promise<Answer> {
    const domain = await domains.find(name);
    const limit = Math.min(Number(query.limit ?? PAGE), PAGE);
    // One more than asked for tells whether there is a next page.
    const found = await readDescendants(pool, domain.id, node, {
      after: Number(query.after ?? 0),
      limit: limit + 1,
    });
    const shown = (found ?? []).slice(0, limit);
    const last = shown.at(-1);
    return jsonAnswer(200, {
      domain: domain.name,
      of: node,
      known: found !== undefined,
      descendants: shown.map(({ digest, relations }) => ({
        digest,
        relations: relations.map(({ relation, grade }) =>
          grade === null ? { relation } : { relation, grade },
        ),
      })),
      ...((found?.length ?? 0) > limit && last !== undefined ? { next: String(last.id) } : {}),
    });
  }

  return {
    async showLineage({ params, query, signal }) {
      const published = await domains.published(params.domain);
      const root = await domains.firstRoot(published.domain);
      const request = { digest: parseDigest(params.digest), project: query.project, explore: true };
      const verdict = await context.verdicts.verify(
        root,
        request,
        clock(),
        domains.source(published),
        signal,
      );
      await noteVerdict(context, published.domain, verdict);
      return jsonAnswer(200, { verifiedBy: "server", notice: NOTICE, verdict });
    },

    listDescendants: ({ params, query }) =>
      page(params.domain, { kind: "artifact", name: params.digest }, query),

    listBlastRadius: ({ params, query }) => {
      const { limit, after, ...named } = query;
      const nodes = Object.entries(named).flatMap(([kind, name]): LineageNode[] =>
        name === undefined ? [] : [{ kind: kind as LineageNode["kind"], name }],
      );
      const [node] = nodes;
      if (node === undefined || nodes.length > 1) {
        throw new ServiceError(
          "bad_parameter",
          "In the query: name exactly one of functionary, certificate, evidence and artifact.",
        );
      }
      return page(params.domain, node, { limit, after });
    },
  };
}

/**
 * Enters what a verdict has shown: the answer to a question may be newer than what was followed. Whoever asked neither waits for those
 * who write already, nor goes without an answer because it could not be entered: the next question enters it.
 */
async function noteVerdict({ pool, log }: Context, domain: Domain, verdict: Verdict): Promise<void> {
  const facts = factsOf(verdict);
  if (facts.length === 0) return;
  try {
    await withTransaction(pool, async (client) => {
      if (await tryLockLineage(client, domain.id)) await noteFacts(client, domain.id, facts);
    });
  } catch (error) {
    log.warn({ err: error, domain: domain.name, digest: verdict.digest }, "lineage could not be entered");
  }
}
