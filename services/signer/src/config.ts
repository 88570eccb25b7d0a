import { hostname } from "node:os";
import { VERIFIER_ID } from "@stemma/lineage";
import { z } from "zod";
import { SignerError } from "./error.ts";
import { DEFAULT_PERIODS, type Periods } from "./periods.ts";
import { MAX_BIT_LENGTH } from "./placement.ts";

/** Where a key is to be had. */
export interface KeyPlace {
  /** Encrypted PKCS#8 PEM file; undefined when the key is in the environment. */
  readonly keyFile: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly createKey: boolean;
}

/** The verifier whose summaries are issued, and its key. */
export interface VerifierConfig extends KeyPlace {
  readonly id: string;
}

/** The signer's settings, all from the environment. The key place is that of the online key. */
export interface SignerConfig extends KeyPlace {
  readonly databaseUrl: string;
  /** Undefined: no summaries are issued. */
  readonly verifier: VerifierConfig | undefined;
  readonly periods: Periods;
  readonly bitLength: number;
  readonly tickMs: number;
  readonly poolSize: number;
  readonly instance: string;
  readonly logLevel: string;
}

interface Setting {
  readonly variable: string;
  readonly meaning: string;
  /** Undefined: optional, or required as `meaning` says. */
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
    .regex(/^(?:0|[1-9][0-9]{0,9})$/)
    .transform(Number)
    .pipe(z.number().min(min).max(max));
}

const file = z.string().max(4096);

/** One row for each variable; `docs/configuration.md` has the same table. */
export const SIGNER_SETTINGS = {
  databaseUrl: {
    variable: "STEMMA_DATABASE_URL",
    meaning: "PostgreSQL, as the role of the signer. `DATABASE_URL` is read when this is not set.",
    fallback: undefined,
    expected: "a postgresql:// URL",
    schema: z.string().regex(/^postgres(?:ql)?:\/\/\S+$/),
    secret: true,
  },
  keyFile: {
    variable: "STEMMA_SIGNER_KEY_FILE",
    meaning:
      "The online private key: PEM PKCS#8, mode 0600. Instead, `STEMMA_SIGNER_KEY` holds the PEM itself.",
    fallback: undefined,
    expected: "the path of a file",
    schema: file,
  },
  passphraseFile: {
    variable: "STEMMA_SIGNER_PASSPHRASE_FILE",
    meaning: "The passphrase of an encrypted key, mode 0600. Instead, `STEMMA_SIGNER_PASSPHRASE` holds it.",
    fallback: undefined,
    expected: "the path of a file",
    schema: file,
  },
  createKey: {
    variable: "STEMMA_SIGNER_CREATE_KEY",
    meaning: "1: make the key and its passphrase when the files do not exist.",
    fallback: "0",
    expected: "0 or 1",
    schema: z.enum(["0", "1"]).transform((value) => value === "1"),
  },
  verifierId: {
    variable: "STEMMA_VERIFIER_ID",
    meaning: "The URI that verification summaries name as their verifier; with it goes a key for them alone.",
    fallback: undefined,
    expected: "a URI",
    schema: z.string().regex(VERIFIER_ID),
  },
  verifierKeyFile: {
    variable: "STEMMA_VERIFIER_KEY_FILE",
    meaning:
      "The private key that signs summaries, as for the online key, which it must not be. Instead, `STEMMA_VERIFIER_KEY` holds the PEM itself.",
    fallback: undefined,
    expected: "the path of a file",
    schema: file,
  },
  verifierPassphraseFile: {
    variable: "STEMMA_VERIFIER_PASSPHRASE_FILE",
    meaning: "The passphrase of that key, mode 0600. Instead, `STEMMA_VERIFIER_PASSPHRASE` holds it.",
    fallback: undefined,
    expected: "the path of a file",
    schema: file,
  },
  verifierCreateKey: {
    variable: "STEMMA_VERIFIER_CREATE_KEY",
    meaning: "1: make that key and its passphrase when the files do not exist.",
    fallback: "0",
    expected: "0 or 1",
    schema: z.enum(["0", "1"]).transform((value) => value === "1"),
  },
  timestampSeconds: {
    variable: "STEMMA_TIMESTAMP_SECONDS",
    meaning: "How long a timestamp is valid; it is signed again after half of it.",
    fallback: String(DEFAULT_PERIODS.timestamp),
    expected: "a number of seconds from 60 to 31536000",
    schema: whole(60, 31_536_000),
  },
  snapshotSeconds: {
    variable: "STEMMA_SNAPSHOT_SECONDS",
    meaning: "How long a snapshot is valid.",
    fallback: String(DEFAULT_PERIODS.snapshot),
    expected: "a number of seconds from 60 to 31536000",
    schema: whole(60, 31_536_000),
  },
  binSeconds: {
    variable: "STEMMA_BIN_SECONDS",
    meaning: "How long the artifact roles are valid.",
    fallback: String(DEFAULT_PERIODS.bins),
    expected: "a number of seconds from 60 to 31536000",
    schema: whole(60, 31_536_000),
  },
  bitLength: {
    variable: "STEMMA_BIN_BITS",
    meaning: "New domains get 2 to the power of this many bins for artifact records.",
    fallback: "6",
    expected: `a number from 1 to ${MAX_BIT_LENGTH}`,
    schema: whole(1, MAX_BIT_LENGTH),
  },
  tickSeconds: {
    variable: "STEMMA_SIGNER_TICK_SECONDS",
    meaning: "Seconds between two looks at all domains for what is due or was missed.",
    fallback: "30",
    expected: "a number of seconds from 1 to 3600",
    schema: whole(1, 3600),
  },
  poolSize: {
    variable: "STEMMA_SIGNER_DATABASE_POOL",
    meaning: "Connections to PostgreSQL, besides one that listens.",
    fallback: "4",
    expected: "a number from 1 to 100",
    schema: whole(1, 100),
  },
  instance: {
    variable: "STEMMA_SIGNER_INSTANCE",
    meaning: "Name of this signer in metrics and readiness; the host's name unless set.",
    fallback: hostname().slice(0, 200) || "signer",
    expected: "1 to 200 characters",
    schema: z.string().max(200),
  },
  logLevel: {
    variable: "STEMMA_LOG_LEVEL",
    meaning: "Least level that is logged: fatal, error, warn, info, debug or silent.",
    fallback: "info",
    expected: "fatal, error, warn, info, debug or silent",
    schema: z.enum(["fatal", "error", "warn", "info", "debug", "silent"]),
  },
} as const satisfies Record<string, Setting>;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. Throws `bad_configuration` with one sentence for the first wrong one; never prints a secret. */
export function readConfig(environment: Environment): SignerConfig {
  refuseMisspelt(environment);
  const databaseUrl = read(environment, SIGNER_SETTINGS.databaseUrl, environment.DATABASE_URL);
  if (databaseUrl === undefined) {
    throw new SignerError(
      "bad_configuration",
      "STEMMA_DATABASE_URL is not set; it must be a postgresql:// URL.",
    );
  }
  const keyFile = read(environment, SIGNER_SETTINGS.keyFile);
  if ((keyFile === undefined) === (environment.STEMMA_SIGNER_KEY === undefined)) {
    throw new SignerError(
      "bad_configuration",
      "Set either STEMMA_SIGNER_KEY_FILE or STEMMA_SIGNER_KEY, and not both.",
    );
  }
  return {
    databaseUrl: databaseUrl as string,
    keyFile: keyFile as string | undefined,
    passphraseFile: read(environment, SIGNER_SETTINGS.passphraseFile) as string | undefined,
    createKey: read(environment, SIGNER_SETTINGS.createKey) as boolean,
    verifier: readVerifier(environment),
    periods: {
      timestamp: read(environment, SIGNER_SETTINGS.timestampSeconds) as number,
      snapshot: read(environment, SIGNER_SETTINGS.snapshotSeconds) as number,
      bins: read(environment, SIGNER_SETTINGS.binSeconds) as number,
    },
    bitLength: read(environment, SIGNER_SETTINGS.bitLength) as number,
    tickMs: (read(environment, SIGNER_SETTINGS.tickSeconds) as number) * 1000,
    poolSize: read(environment, SIGNER_SETTINGS.poolSize) as number,
    instance: read(environment, SIGNER_SETTINGS.instance) as string,
    logLevel: read(environment, SIGNER_SETTINGS.logLevel) as string,
  };
}

/** A verifier has a name and a key, in one place; whoever sets less, or more, means something else. */
function readVerifier(environment: Environment): VerifierConfig | undefined {
  const id = read(environment, SIGNER_SETTINGS.verifierId) as string | undefined;
  const keyFile = read(environment, SIGNER_SETTINGS.verifierKeyFile) as string | undefined;
  const inEnvironment = Boolean(environment.STEMMA_VERIFIER_KEY);
  if (id === undefined && keyFile === undefined && !inEnvironment) return undefined;
  if ((keyFile === undefined) !== inEnvironment) {
    throw new SignerError(
      "bad_configuration",
      "With STEMMA_VERIFIER_ID, set either STEMMA_VERIFIER_KEY_FILE or STEMMA_VERIFIER_KEY, and not both.",
    );
  }
  if (id === undefined) {
    throw new SignerError(
      "bad_configuration",
      "STEMMA_VERIFIER_ID is not set; with a verifier's key it must be a URI.",
    );
  }
  return {
    id,
    keyFile,
    passphraseFile: read(environment, SIGNER_SETTINGS.verifierPassphraseFile) as string | undefined,
    createKey: read(environment, SIGNER_SETTINGS.verifierCreateKey) as boolean,
  };
}

/** An empty variable is what `X= command` leaves behind: it counts as not set. */
function read(environment: Environment, setting: Setting, instead?: string): unknown {
  const text = environment[setting.variable] || instead || setting.fallback;
  if (text === undefined) return undefined;
  const result = setting.schema.safeParse(text);
  if (result.success) return result.data;
  const found = setting.secret ? "what it holds is something else" : `found ${JSON.stringify(text)}`;
  throw new SignerError("bad_configuration", `${setting.variable} must be ${setting.expected}; ${found}.`);
}

const ELSEWHERE: readonly string[] = [
  "STEMMA_SIGNER_KEY",
  "STEMMA_SIGNER_PASSPHRASE",
  "STEMMA_VERIFIER_KEY",
  "STEMMA_VERIFIER_PASSPHRASE",
];

/** A misspelt name would silently leave the default in force. Other services' settings share the environment. */
function refuseMisspelt(environment: Environment): void {
  const known = new Set<string>([
    ...Object.values(SIGNER_SETTINGS).map(({ variable }) => variable),
    ...ELSEWHERE,
  ]);
  for (const variable of Object.keys(environment)) {
    if (/^STEMMA_(?:SIGNER|VERIFIER|BIN|TIMESTAMP|SNAPSHOT)_/.test(variable) && !known.has(variable)) {
      throw new SignerError(
        "bad_configuration",
        `${variable} is not a setting; docs/configuration.md lists those there are.`,
      );
    }
  }
}
