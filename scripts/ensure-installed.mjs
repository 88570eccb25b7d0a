// Runs before every npm script, under whatever Node the machine has and before any package is there:
// plain JavaScript without dependencies. Installs from the lockfile when it is newer than what is installed.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const installed = join(root, "node_modules", ".package-lock.json");
const lock = join(root, "package-lock.json");

/** Same name, version and integrity for everything that is installed; optional packages may be absent. */
function upToDate() {
  if (!existsSync(installed)) return false;
  const want = JSON.parse(readFileSync(lock, "utf8")).packages;
  const have = JSON.parse(readFileSync(installed, "utf8")).packages;
  for (const [path, entry] of Object.entries(want)) {
    if (path === "" || entry.link || !path.startsWith("node_modules/")) continue;
    const there = have[path];
    if (there === undefined) {
      if (entry.optional || entry.peer) continue;
      return false;
    }
    if (there.version !== entry.version || there.integrity !== entry.integrity) return false;
  }
  return true;
}

if (!upToDate()) {
  process.stderr.write("Installing what the lockfile names (first run only) ...\n");
  const npm = process.env.npm_execpath;
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const result =
    npm === undefined
      ? spawnSync("npm", args, { cwd: root, stdio: ["ignore", 2, 2], shell: process.platform === "win32" })
      : spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) {
    process.stderr.write(
      "Stemma's packages could not be installed: `npm ci` failed; its messages are above.\n",
    );
    process.exit(result.status ?? 1);
  }
}
