import { LIMITS, type Scope, ServiceError } from "@stemma/contract";
import { findToken, type Pool } from "@stemma/store";

/**
 * Checks the API token of a request. Unknown, expired, revoked and malformed tokens are one and the same refusal: nothing
 * tells a guesser how close a guess was.
 */
export function createAuthenticator(pool: Pool): (header: string | undefined, scope: Scope) => Promise<void> {
  return async (header, scope) => {
    // Length first, then one anchored prefix: nothing is split or searched in the caller's text (N-58).
    const secret =
      header !== undefined && header.length <= LIMITS.tokenBytes && header.startsWith("Bearer ")
        ? header.slice("Bearer ".length)
        : undefined;
    const token = secret === undefined ? undefined : await findToken(pool, secret);
    if (token === undefined) {
      throw new ServiceError("not_authenticated", "This route needs a valid API token.");
    }
    if (!token.scopes.includes(scope)) {
      throw new ServiceError("scope_missing", `This route needs a token with the scope ${scope}.`);
    }
  };
}
