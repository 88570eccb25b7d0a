import { historyHandlers } from "./history/handlers.ts";
import type { Handlers } from "./http/handler.ts";
import { lineageHandlers } from "./lineage/handlers.ts";
import { healthHandlers } from "./observe/health.ts";
import { pageHandlers } from "./pages/handlers.ts";
import { artifactHandlers } from "./read/artifacts.ts";
import { domainHandlers } from "./read/domains.ts";
import { tufHandlers } from "./read/tuf.ts";
import { registryHandlers } from "./registry/handlers.ts";
import type { Context } from "./service.ts";
import { VERSION } from "./version.ts";
import { ceremonyHandlers } from "./write/ceremonies.ts";
import { changeHandlers } from "./write/changes.ts";
import { metadataHandlers } from "./write/metadata.ts";
import { recordHandlers } from "./write/records.ts";
import { summaryHandlers } from "./write/summaries.ts";

/** One handler for each route of the table. */
export function createHandlers(context: Context): Handlers {
  return {
    ...pageHandlers(VERSION),
    ...healthHandlers(context),
    ...registryHandlers(context),
    ...tufHandlers(context),
    ...domainHandlers(context),
    ...artifactHandlers(context),
    ...lineageHandlers(context),
    ...changeHandlers(context),
    ...metadataHandlers(context),
    ...ceremonyHandlers(context),
    ...recordHandlers(context),
    ...summaryHandlers(context),
    ...historyHandlers(context),
  };
}
