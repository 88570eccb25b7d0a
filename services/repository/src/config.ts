import { LIMITS } from "@stemma/contract";
import { z } from "zod";

/** Settings of the repository service. Everything comes from the environment and is checked once, at boot. */
export interface Config {
  readonly databaseUrl: string;
  readonly host: string;
  readonly port: number;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "silent";
  readonly bodyLimit: number;
  readonly deadlineMs: number;
  readonly poolSize: number;
  readonly cacheBytes: number;
  readonly canarySeconds: number;
  readonly shutdownMs: number;
}

/** One setting: its variable, what it means, its default as text, and its check. `docs/configuration.md` lists them. */
export interface Setting {
  readonly variable: string;
  readonly meaning: string;
  /** Undefined: must be given. */
  readonly fallback: string | undefined;
  /** What a value must be, for the sentence that refuses another. */
  readonly expected: string;
  readonly schema: z.ZodType;
  /** True when the value must never be printed. */
  readonly secret?: boolean;
}

function whole(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,15})$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

export const SETTINGS = {
  databaseUrl: {
    variable: "STEMMA_DATABASE_URL",
    meaning:
      "PostgreSQL, as the role of the repository service. `DATABASE_URL` is read when this is not set.",
    fallback: undefined,
    expected: "a postgresql:// URL",
    schema: z.string().regex(/^postgres(?:ql)?:\/\/\S+$/),
    secret: true,
  },
  host: {
    variable: "STEMMA_HOST",
    meaning: "Address to listen on.",
    fallback: "127.0.0.1",
    expected: "a host name or an IP address",
    schema: z.string().regex(/^[A-Za-z0-9.:_-]{1,255}$/),
  },
  port: {
    variable: "STEMMA_PORT",
    meaning: "Port to listen on; 0 takes a free one and logs it.",
    fallback: "8480",
    expected: "a port number from 0 to 65535",
    schema: whole(0, 65535),
  },
  logLevel: {
    variable: "STEMMA_LOG_LEVEL",
    meaning:
      "Least level that is logged: fatal, error, warn, info, debug or silent. Successful reads are debug.",
    fallback: "info",
    expected: "fatal, error, warn, info, debug or silent",
    schema: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]),
  },
  bodyLimit: {
    variable: "STEMMA_BODY_LIMIT",
    meaning: "Largest body of an upload, in bytes.",
    fallback: String(LIMITS.bodyBytes),
    expected: "a number of bytes from 65536 to 67108864",
    schema: whole(64 * 1024, 64 * 1024 * 1024),
  },
  deadlineMs: {
    variable: "STEMMA_REQUEST_DEADLINE_MS",
    meaning: "Longest time from the first byte of a request to its answer, in milliseconds.",
    fallback: String(LIMITS.deadlineMs),
    expected: "a number of milliseconds from 100 to 60000",
    schema: whole(100, 60_000),
  },
  poolSize: {
    variable: "STEMMA_DATABASE_POOL",
    meaning: "Connections to PostgreSQL, besides one that listens.",
    fallback: "10",
    expected: "a number from 1 to 100",
    schema: whole(1, 100),
  },
  cacheBytes: {
    variable: "STEMMA_CACHE_BYTES",
    meaning: "Memory for hot metadata and answers, in bytes.",
    fallback: String(128 * 1024 * 1024),
    expected: "a number of bytes from 1048576 to 17179869184",
    schema: whole(1024 * 1024, 16 * 1024 ** 3),
  },
  canarySeconds: {
    variable: "STEMMA_CANARY_SECONDS",
    meaning:
      "Seconds between two rounds of the canary, the stock TUF client that follows every domain; 0 turns it off.",
    fallback: "60",
    expected: "a number of seconds from 0 to 86400",
    schema: whole(0, 86_400),
  },
  shutdownMs: {
    variable: "STEMMA_SHUTDOWN_MS",
    meaning: "Time that requests under way have after SIGTERM, in milliseconds.",
    fallback: "10000",
    expected: "a number of milliseconds from 0 to 60000",
    schema: whole(0, 60_000),
  },
} as const satisfies Record<keyof Config, Setting>;

/** A wrong setting: its message is the one sentence that the operator sees. */
export class ConfigError extends Error {}

/** Reads the settings. Throws `ConfigError` with one sentence for the first wrong one; never prints a secret. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const known = new Set<string>(Object.values(SETTINGS).map((setting) => setting.variable));
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [keyof Config, Setting][]) {
    let given = environment[setting.variable];
    if (name === "databaseUrl" && (given === undefined || given === "")) given = environment.DATABASE_URL;
    // An empty variable is what `X= command` leaves behind: it counts as not set.
    const text = given === undefined || given === "" ? setting.fallback : given;
    if (text === undefined) {
      throw new ConfigError(`${setting.variable} is not set; it must be ${setting.expected}.`);
    }
    const read = setting.schema.safeParse(text);
    if (!read.success) {
      const found =
        setting.secret === true ? "what it holds is something else" : `found ${JSON.stringify(text)}`;
      throw new ConfigError(`${setting.variable} must be ${setting.expected}; ${found}.`);
    }
    values[name] = read.data;
  }
  refuseMisspelt(environment, known);
  return values as unknown as Config;
}

/** Settings of the other services and of the command share the environment; these prefixes are ours alone. */
const OURS = /^STEMMA_(?:HOST|PORT|DATABASE|BODY|REQUEST|CACHE_|CANARY|SHUTDOWN)/;

/** A misspelt name would silently leave the default in force, which may be the less safe value. */
function refuseMisspelt(
  environment: Readonly<Record<string, string | undefined>>,
  known: ReadonlySet<string>,
): void {
  for (const variable of Object.keys(environment)) {
    if (OURS.test(variable) && !known.has(variable)) {
      throw new ConfigError(`${variable} is not a setting; docs/configuration.md lists those there are.`);
    }
  }
}
