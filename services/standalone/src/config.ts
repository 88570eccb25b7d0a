import path from "node:path";

/** What the standalone itself needs; all other settings go through to the two services, which check them. */
export interface StandaloneConfig {
  /** Everything that has to survive a restart. */
  readonly dataDirectory: string;
  /** Undefined: a PostgreSQL of our own is started in the data directory. */
  readonly databaseUrl: string | undefined;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
}

/** A wrong setting: its message is the one sentence that the operator sees. */
export class ConfigError extends Error {}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the settings. Throws ConfigError. */
export function readConfig(environment: Environment): StandaloneConfig {
  const databaseUrl = environment.STEMMA_DATABASE_URL || environment.DATABASE_URL || undefined;
  if (databaseUrl !== undefined && !/^postgres(?:ql)?:\/\/\S+$/.test(databaseUrl)) {
    throw new ConfigError("DATABASE_URL must be a postgresql:// URL; what it holds is something else.");
  }
  const port = environment.STEMMA_PORT || "8480";
  if (!/^(?:0|[1-9][0-9]{0,4})$/.test(port) || Number(port) > 65535) {
    throw new ConfigError(
      `STEMMA_PORT must be a port number from 0 to 65535; found ${JSON.stringify(port)}.`,
    );
  }
  return {
    dataDirectory: path.resolve(environment.STEMMA_DATA_DIR || ".stemma"),
    databaseUrl,
    host: environment.STEMMA_HOST || "127.0.0.1",
    port: Number(port),
  };
}
