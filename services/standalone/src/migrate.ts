import { migrate, StoreError } from "@stemma/store";

/** Brings the database of DATABASE_URL forward, as its owner, and ends. Run before the services of a new version. */
async function main(): Promise<void> {
  const url = process.env.STEMMA_DATABASE_URL || process.env.DATABASE_URL;
  if (url === undefined || url === "") {
    process.stderr.write(
      "DATABASE_URL is not set; it must be a postgresql:// URL of the database's owner.\n",
    );
    process.exit(2);
  }
  const applied = await migrate(url);
  process.stdout.write(
    applied.length === 0 ? "The database is up to date.\n" : `Applied ${applied.join(", ")}.\n`,
  );
}

main().catch((error: unknown) => {
  const known = error instanceof StoreError;
  process.stderr.write(
    `The database was not migrated: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  process.exit(known ? 2 : 1);
});
