import { StoreError } from "./error.ts";
import type { Queryable } from "./pool.ts";

const OLDEST = 150_000;

/** With one of these off, PostgreSQL may lose what it acknowledged; Stemma promises that it does not. */
const MUST_NOT_BE_OFF = ["fsync", "full_page_writes", "synchronous_commit"] as const;

/** Refuses a server that is too old, or whose settings give up durability. Called at boot. */
export async function checkServer(database: Queryable): Promise<void> {
  const { rows } = await database.query<Record<string, string>>(
    `SELECT current_setting('server_version_num') AS version, current_setting('server_version') AS name,
       ${MUST_NOT_BE_OFF.map((setting) => `current_setting('${setting}') AS ${setting}`).join(", ")}`,
  );
  const settings = rows[0] ?? {};
  if (!(Number(settings.version) >= OLDEST)) {
    throw new StoreError(
      "database_too_old",
      `The server is PostgreSQL ${settings.name}; Stemma needs 15 or newer.`,
    );
  }
  for (const setting of MUST_NOT_BE_OFF) {
    if (settings[setting] === "off") {
      throw new StoreError(
        "database_not_durable",
        `The server has ${setting} = off, so an acknowledged publish could be lost; set it to on.`,
      );
    }
  }
}
