import { join } from "node:path";
import { SCOPES } from "@stemma/contract";
// For its types alone: the packed command must start without a database.
import type { ApiToken, Pool } from "@stemma/store";
import { type Command, InvalidArgumentError, Option } from "commander";
import { checkoutFolder } from "../checkout.ts";
import { act, leaf } from "../command.ts";
import { CliError } from "../error.ts";
import { type Line, type Outcome, styled } from "../output.ts";
import { parseExpiry } from "../time.ts";

/** `stemma token`: API tokens, for whoever may administer the database. */
export function addTokenCommands(program: Command): void {
  const token = program
    .command("token")
    .description("Make, list and revoke API tokens, directly in the database");

  const make = withDatabase(leaf(token, "new", "Make an API token and show it, once"))
    .requiredOption("--name <name>", "what it is for")
    .addOption(new Option("--scope <scope...>", "what it allows").choices(SCOPES).makeOptionMandatory())
    .option("--expires <time>", "time from now, or a moment", "90d");
  act(make, newToken);

  act(withDatabase(leaf(token, "list", "List API tokens, without their secrets")), showTokens);

  const revoke = withDatabase(leaf(token, "revoke", "End an API token at once"));
  revoke.argument("<id>", "number of the token", asTokenId);
  act(revoke, endToken);
}

function withDatabase(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--data <folder>",
        "data folder of the running service (default: .stemma of this checkout)",
      ).env("STEMMA_DATA_DIR"),
    )
    .addHelpText("after", "\nDATABASE_URL names the database where it is not the service's own.");
}

interface DatabaseOptions {
  readonly data?: string;
}

interface NewOptions extends DatabaseOptions {
  readonly name: string;
  readonly scope: readonly string[];
  readonly expires: string;
}

async function newToken(options: NewOptions): Promise<Outcome> {
  if (options.name === "" || options.name.length > 100)
    throw new CliError("usage", "--name has 1 to 100 characters.");
  const expiresAt = parseExpiry(options.expires, new Date());
  const { createToken } = await import("@stemma/store");
  const { secret, token } = await withPool(options, (pool) =>
    createToken(pool, { name: options.name, scopes: options.scope, expiresAt }),
  );
  return {
    document: { token: secret, ...token },
    lines: [
      secret,
      [
        styled(
          "dim",
          `Token ${token.id} for ${token.name}: ${token.scopes.join(", ")}. It is not shown again.`,
        ),
      ],
      [styled("dim", "Use it as STEMMA_TOKEN.")],
    ],
  };
}

async function showTokens(options: DatabaseOptions): Promise<Outcome> {
  const { listTokens } = await import("@stemma/store");
  const tokens = await withPool(options, listTokens);
  const now = new Date();
  return {
    document: { tokens },
    lines: tokens.length === 0 ? ["There are no tokens."] : tokens.map((token) => tokenLine(token, now)),
  };
}

function tokenLine(token: ApiToken, now: Date): Line {
  const { revokedAt, expiresAt } = token;
  const state =
    revokedAt !== undefined
      ? styled("bad", "revoked")
      : expiresAt !== undefined && expiresAt <= now
        ? styled("warn", "expired")
        : styled(
            "good",
            expiresAt === undefined ? "valid" : `valid until ${expiresAt.toISOString().slice(0, 10)}`,
          );
  return [
    `${String(token.id).padStart(4)}  `,
    styled("bold", token.name),
    `  ${token.scopes.join(", ")}  `,
    state,
  ];
}

async function endToken(options: DatabaseOptions, id: number): Promise<Outcome> {
  const { revokeToken } = await import("@stemma/store");
  if (!(await withPool(options, (pool) => revokeToken(pool, id)))) {
    throw new CliError("nothing_to_change", `There is no token ${id} that is still valid.`);
  }
  return { document: { id, revoked: true }, lines: [[styled("good", "Revoked"), ` token ${id}.`]] };
}

async function withPool<T>(options: DatabaseOptions, work: (pool: Pool) => Promise<T>): Promise<T> {
  const { createPool } = await import("@stemma/store");
  const pool = createPool({
    connectionString: await databaseUrl(options),
    applicationName: "stemma-cli",
    max: 1,
  });
  try {
    return await work(pool);
  } catch (error) {
    throw databaseFault(error);
  } finally {
    await pool.end();
  }
}

/** DATABASE_URL, or what the service that runs on the data folder says of itself. */
async function databaseUrl(options: DatabaseOptions): Promise<string> {
  const given = process.env.STEMMA_DATABASE_URL || process.env.DATABASE_URL;
  if (options.data === undefined && given) return given;
  const checkout = checkoutFolder();
  const folder = options.data ?? (checkout === undefined ? undefined : join(checkout, ".stemma"));
  if (folder === undefined)
    throw new CliError("usage", "Name the database with DATABASE_URL, or the service's --data.");
  const { readRunning } = await import("@stemma/store");
  const running = await readRunning(folder);
  if (running?.databaseUrl === undefined) {
    throw new CliError(
      "server_unreachable",
      `No service is running on ${folder}; start it (npm start), or set DATABASE_URL.`,
    );
  }
  return running.databaseUrl;
}

/** A database that cannot be asked; its message is left out, because it could hold the connection string. */
function databaseFault(error: unknown): unknown {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== "string") return error;
  if (/^E[A-Z]+$/.test(code)) {
    return new CliError("server_unreachable", `The database cannot be reached: ${code}.`, { cause: error });
  }
  return /^[0-9A-Z]{5}$/.test(code)
    ? new CliError("server_unreachable", `The database refused: SQL state ${code}.`, { cause: error })
    : error;
}

function asTokenId(value: string): number {
  if (!/^[1-9]\d{0,14}$/.test(value)) throw new InvalidArgumentError("It must be the number of a token.");
  return Number(value);
}
