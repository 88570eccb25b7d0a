import {
  type DomainAnswer,
  isProjectName,
  LIMITS,
  type OnlineKeysAnswer,
  ServiceError,
} from "@stemma/contract";
import { listDomains, listOnlineKeys } from "@stemma/store";
import type { Metadata, Role, TopLevelRole } from "@stemma/tuf";
import type { Published } from "../domain/domains.ts";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";
import { versionsOf } from "./versions.ts";

/** What is known of trust domains, without any of their artifacts. */
export function domainHandlers(
  context: Context,
): Pick<Handlers, "onlineKeys" | "listDomains" | "showDomain"> {
  const { pool, domains } = context;
  return {
    async onlineKeys() {
      const keys = await listOnlineKeys(pool);
      const answer: OnlineKeysAnswer = {
        keys: keys.map(({ keyId, publicKey, announcedAt }) => ({
          keyid: keyId,
          key: publicKey as Record<string, unknown>,
          announcedAt: announcedAt.toISOString(),
        })),
      };
      return jsonAnswer(200, answer);
    },

    async listDomains({ query }) {
      const limit = Math.min(Number(query.limit ?? LIMITS.pageSize), LIMITS.pageSize);
      const page = await listDomains(pool, {
        limit: limit + 1,
        ...(query.after === undefined ? {} : { after: query.after }),
      });
      const shown = page.slice(0, limit);
      return jsonAnswer(200, {
        domains: shown.map(({ name, createdAt }) => ({ domain: name, createdAt: createdAt.toISOString() })),
        ...(page.length > limit ? { next: shown.at(-1)?.name } : {}),
      });
    },

    async showDomain({ params }) {
      const domain = await domains.find(params.domain);
      let published: Published;
      try {
        published = await domains.published(params.domain);
      } catch (error) {
        if (!(error instanceof ServiceError) || error.code !== "domain_not_published") throw error;
        const answer: DomainAnswer = {
          domain: domain.name,
          createdAt: domain.createdAt.toISOString(),
          state: "waiting",
        };
        return jsonAnswer(200, answer);
      }
      return jsonAnswer(200, await describe(context, published));
    },
  };
}

async function describe({ domains }: Context, published: Published): Promise<DomainAnswer> {
  const { domain, head, root, timestamp, snapshot, targets } = published;
  const documents = new Map<TopLevelRole, Metadata>([
    ["root", root],
    ["timestamp", timestamp],
    ["snapshot", snapshot],
    ["targets", targets],
  ]);
  const roles: DomainAnswer["roles"] = [];
  for (const [name, role] of root.signed.roles) {
    const signed = documents.get(name)?.signed;
    if (signed === undefined) continue;
    roles.push({ role: name, version: signed.version, expires: time(signed.expires), ...signers(role) });
  }
  const projects: DomainAnswer["projects"] = [];
  for (const role of targets.signed.delegations?.roles ?? []) {
    if (!isProjectName(role.name)) continue;
    const metadata = await domains.delegated(published, role.name);
    projects.push({
      project: role.name,
      ...signers(role),
      ...(metadata === undefined
        ? {}
        : { version: metadata.signed.version, expires: time(metadata.signed.expires) }),
      files: [...(metadata?.signed.targets.keys() ?? [])],
    });
  }
  return {
    domain: domain.name,
    createdAt: domain.createdAt.toISOString(),
    state: "published",
    versions: versionsOf(head),
    roles,
    projects,
  };
}

function signers(role: Role): { threshold: number; keys: string[] } {
  return { threshold: role.threshold, keys: [...role.keyIds] };
}

function time(date: Date): string {
  return date.toISOString();
}
