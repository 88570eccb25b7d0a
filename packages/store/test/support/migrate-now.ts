import { migrate } from "../../src/migrate.ts";

process.stdout.write(JSON.stringify(await migrate(process.argv[2] ?? "")));
