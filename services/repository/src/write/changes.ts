import { ServiceError } from "@stemma/contract";
import { readChange } from "@stemma/store";
import { jsonAnswer } from "../http/answer.ts";
import type { Handlers } from "../http/handler.ts";
import type { Context } from "../service.ts";
import { describeChange } from "./outcome.ts";

/** Where a 202 points to. */
export function changeHandlers(context: Context): Pick<Handlers, "showChange"> {
  return {
    async showChange({ params }) {
      const domain = await context.domains.find(params.domain);
      const id = Number(params.change);
      const state = Number.isSafeInteger(id) ? await readChange(context.pool, id) : undefined;
      // A change of another domain does not exist here (N-64).
      if (state === undefined || state.domainId !== domain.id) {
        throw new ServiceError("unknown_change", `The domain ${domain.name} has no change ${params.change}.`);
      }
      return jsonAnswer(200, await describeChange(context, domain, id, state));
    },
  };
}
