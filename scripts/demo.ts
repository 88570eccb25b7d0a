/**
 * `npm run demo`: the whole story on real input. Stemma's own sources are built and packed under `stemma run`, recorded,
 * moved between two registries, verified from the pinned root alone, and attacked.
 * `npm run demo -- --keep` leaves everything running and says what to try next.
 */
import { Mirror } from "../test/support/mirror.ts";
import { attacks } from "./demo/attacks.ts";
import { builtUpon } from "./demo/bases.ts";
import { Stage } from "./demo/stage.ts";
import {
  buildRelease,
  createDomain,
  createProject,
  moveImage,
  ownSupplyChain,
  recordRelease,
  type Say,
} from "./demo/story.ts";
import { type Episode, testedProject } from "./demo/tests.ts";

const keep = process.argv.includes("--keep");
const unknown = process.argv.slice(2).filter((arg) => arg !== "--keep");
if (unknown.length > 0) {
  process.stderr.write(`The demo knows --keep and nothing else; found ${unknown.join(" ")}.\n`);
  process.exit(2);
}

const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
const title = (text: string): void => void process.stdout.write(`\n${paint(1, text)}\n`);
const say: Say = (text) => void process.stdout.write(`   ${text}\n`);

const started = performance.now();
title("Starting Stemma: PostgreSQL, signer, repository service, two registries");
const stage = await Stage.open();
const mirror = await Mirror.start(stage.server);
let failed = false;
try {
  failed = !(await play());
} catch (error) {
  process.stderr.write(`\nThe demo stopped: ${error instanceof Error ? error.message : String(error)}\n`);
  failed = true;
}
if (keep && !failed) await untilInterrupted();
await mirror.stop();
await stage.close();
process.exitCode = failed ? 1 : 0;

async function play(): Promise<boolean> {
  say(`service at ${stage.server}`);
  title("1. A trust domain is created by ceremony: root 2 of 3, targets 2 of 2");
  await createDomain(stage, say);

  title("2. A project is delegated to its owners, who publish its layout");
  await createProject(stage, "stemma", await ownSupplyChain(stage, ["package"], 1), say);

  title("3. Stemma's own supply chain runs, and its evidence is recorded");
  const release = await buildRelease(stage, say);
  await recordRelease(stage, release, say);

  title("4. The image moves between registries");
  const places = await moveImage(stage, release, say);

  title("5. Verified from the pinned root.json alone");
  const asked = [
    ["the image pulled from registry B", `oci:${places.b}`],
    ["the tarball on disk", release.tarball],
    ["a bare digest, with no registry at all", release.imageDigest],
  ] as const;
  let good = true;
  for (const [index, [name, what]] of asked.entries()) {
    const said = await stage.run([
      "verify",
      what,
      "--root",
      release.rootFile,
      "--project",
      "stemma",
      "--plain-http",
    ]);
    const allowed = said.exitCode === 0;
    good &&= allowed;
    say(`${name}: ${allowed ? paint(32, "allow") : paint(31, "NOT ALLOWED")}`);
    if (index === 2 || !allowed) process.stdout.write(indent(said.stdout + (allowed ? "" : said.stderr)));
  }

  title("6. Refused");
  await createProject(
    stage,
    "two-packagers",
    await ownSupplyChain(stage, ["package", "package-2"], 2),
    () => undefined,
  );
  for (const attack of attacks(stage, release, places, mirror)) {
    const said = await attack.run();
    const refused = said.exitCode === 1 && said.stdout.includes(`"${attack.code}"`);
    good &&= refused;
    say(`${refused ? paint(32, "refused") : paint(31, "NOT REFUSED")}  ${attack.title}: ${attack.code}`);
    if (!refused) process.stdout.write(indent(`exit code ${said.exitCode}\n${said.stdout}${said.stderr}`));
  }

  title("7. A project that demands a passed test: held back until the evidence is there");
  good = (await playEpisodes("tested", await testedProject(stage, release, say))) && good;

  title("8. An image built upon the release: its layers must begin with exactly those");
  const upon = await builtUpon(stage, release, say);
  good = (await playEpisodes("upon", upon)) && good;
  const lineage = await stage.run(["lineage", upon.at(-1)?.what ?? "", "--project", "upon"]);
  good &&= lineage.exitCode === 0;
  process.stdout.write(indent(lineage.stdout + (lineage.exitCode === 0 ? "" : lineage.stderr)));

  title("9. Who could sign for what, and who changed that, verified again from the pinned root");
  const history = await stage.run(["history", "--root", release.rootFile]);
  good &&= history.exitCode === 0;
  process.stdout.write(indent(history.stdout + (history.exitCode === 0 ? "" : history.stderr)));

  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  title(
    good
      ? `Everything came out as it should, in ${seconds} s.`
      : `Something did not come out as it should (${seconds} s).`,
  );
  if (keep) {
    title("Still running. What to try next, in another terminal:");
    say(`export STEMMA_SERVER=${stage.server} STEMMA_DOMAIN=example STEMMA_ROOT=${release.rootFile}`);
    say(`npm run stemma -- verify ${release.imageDigest} --project stemma`);
    say(`npm run stemma -- show ${release.imageDigest}`);
    say("npm run stemma -- history");
    say(`open ${stage.server}/docs`);
    say("Stop it with Ctrl-C; everything is removed then.");
  }
  return good;
}

/** Each verdict of a story, beside what it must be. */
async function playEpisodes(project: string, episodes: readonly Episode[]): Promise<boolean> {
  let good = true;
  for (const { words, code, what, come } of episodes) {
    await come();
    const said = await stage.run(["verify", what, "--project", project, "--json"]);
    const right =
      code === undefined ? said.exitCode === 0 : said.exitCode === 1 && said.stdout.includes(`"${code}"`);
    good &&= right;
    const answer = code === undefined ? "allow" : "deny";
    say(
      `${right ? paint(code === undefined ? 32 : 33, answer) : paint(31, `NOT ${answer.toUpperCase()}`)}  ${words}${code === undefined ? "" : `: ${code}`}`,
    );
    if (!right) process.stdout.write(indent(`exit code ${said.exitCode}\n${said.stdout}${said.stderr}`));
  }
  return good;
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, "      ");
}

function untilInterrupted(): Promise<void> {
  // A signal alone does not keep Node alive.
  const alive = setInterval(() => undefined, 1_000_000);
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        clearInterval(alive);
        resolve();
      });
    }
  });
}
