import { jsonAnswer } from "../http/answer.ts";
import type { Call, Handlers } from "../http/handler.ts";
import { versionsOf } from "../read/versions.ts";
import type { Context } from "../service.ts";
import { accept } from "./accept.ts";
import { answerChange } from "./outcome.ts";
import { readUpload, type Upload } from "./uploads.ts";

/** New trust domains and new versions of offline roles. */
export function metadataHandlers(context: Context): Pick<Handlers, "createDomain" | "publishMetadata"> {
  return {
    createDomain: ({ body, query, signal }) =>
      acceptAndAnswer(context, body.name, readUpload(body), { creates: true, query, signal }),
    publishMetadata: ({ params, body, query, signal }) =>
      acceptAndAnswer(context, params.domain, readUpload(body), { creates: false, query, signal }),
  };
}

interface Options extends Pick<Call, "signal"> {
  readonly creates: boolean;
  readonly query: { readonly wait?: "published" | undefined };
}

async function acceptAndAnswer(context: Context, name: string, upload: Upload, options: Options) {
  const accepted = await accept(context, name, upload, { creates: options.creates });
  const { domain, changeId } = accepted;
  if (changeId === undefined) {
    const head = await context.domains.heads.head(domain);
    return jsonAnswer(200, { domain: name, outcome: "published", versions: versionsOf(head) });
  }
  return answerChange(context, domain, changeId, {
    wait: options.query.wait === "published",
    signal: options.signal,
    warnings: accepted.warnings,
  });
}
