/**
 * Exchanges layouts and links with other implementations of in-toto. Their commands are called with `make PLAN FOLDER`
 * and `verify PLAN FOLDER`; where one knows certificates, with `certificates FOLDER` too.
 *
 *     in-toto-peer.ts exchange NAME=COMMAND     each side verifies what the other made
 *     in-toto-peer.ts divergences NAME=COMMAND… all verify the documents on which they are known to differ
 */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KeyKind, signerFromPem } from "@stemma/crypto";
import { DIVERGENCES, type Divergence, writeDivergence } from "./in-toto-divergences.ts";
import { Keys, Maker, type Result, spoil, verify, writePlan } from "./in-toto-documents.ts";
import {
  CASES,
  type Case,
  certificateCases,
  type KeyPlan,
  makeKeys,
  type Outcome,
  type Plan,
} from "./in-toto-plan.ts";

/** An implementation of in-toto in a process of its own. */
class Peer {
  readonly name: string;
  readonly #command: readonly string[];

  constructor(argument: string) {
    const [name = "", command = ""] = argument.split(/=(.*)/s);
    this.name = name;
    this.#command = command.split(" ");
  }

  async run(...args: readonly string[]): Promise<string> {
    const [file = "", ...before] = this.#command;
    const { stdout } = await promisify(execFile)(file, [...before, ...args], { maxBuffer: 64 * 1024 * 1024 });
    return stdout;
  }

  async verify(plan: string, folder: string): Promise<Map<string, Result>> {
    const output = await this.run("verify", plan, folder);
    const results = [...output.matchAll(/^RESULT (.*)$/gm)].map(([, line]): Result => JSON.parse(line ?? ""));
    return new Map(results.map((result) => [result.name, result]));
  }
}

/** A plan with its keys, in a folder. */
interface Stage {
  readonly work: string;
  readonly plan: Plan;
  readonly planFile: string;
  readonly keys: Keys;
  folder(index: number): string;
}

const folderOf = (index: number): string => `case-${String(index).padStart(3, "0")}`;
const HOLDERS = ["leaf", "late", "stranger"];

async function prepare(work: string, cases: readonly Case[], certifier: Peer | undefined): Promise<Stage> {
  const folder = join(work, "keys");
  await mkdir(folder);
  const made = [...makeKeys()].map(([name, { kind, pem }]): [string, KeyKind, string] => [name, kind, pem]);
  if (certifier !== undefined) {
    await certifier.run("certificates", folder);
    for (const name of HOLDERS) {
      made.push([name, "ed25519", await readFile(join(folder, `${name}.pem`), "utf8")]);
    }
  }
  const keys: Record<string, KeyPlan> = {};
  for (const [name, kind, pem] of made) {
    const { publicKey } = signerFromPem(pem);
    keys[name] = {
      kind,
      scheme: publicKey.scheme,
      modern: publicKey.keyId,
      python: publicKey.pemKeyId,
      legacy: publicKey.legacyKeyId,
    };
    const spki = Buffer.from(publicKey.spki).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
    await writeFile(join(folder, `${name}.pem`), pem);
    await writeFile(
      join(folder, `${name}.pub`),
      `-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`,
    );
  }
  const plan = { keys, cases };
  const planFile = join(work, "plan.json");
  await writePlan(
    planFile,
    plan,
    cases.map((_, index) => folderOf(index)),
  );
  return { work, plan, planFile, keys: new Keys(folder, plan), folder: folderOf };
}

const failures: string[] = [];

function say(good: boolean, line: string): void {
  if (!good) failures.push(line);
  console.log(`${good ? "ok  " : "FAIL"} ${line}`);
}

const outcomeOf = (result: Result): Outcome => (result.ok ? "accepts" : "refuses");
const short = (text: string): string => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 90 ? `${line.slice(0, 90)}…` : line;
};

/** Whether a side said what it had to say about what another made. */
function judge(item: Case, maker: string, verifier: string, result: Result | undefined): void {
  const title = `${maker} → ${verifier}: ${item.name}`;
  const makes = item.without?.[`${maker} makes`];
  const verifies = item.without?.[`${verifier} verifies`];
  if (makes !== undefined || verifies !== undefined) {
    console.log(`--   ${title}: ${makes === undefined ? verifier : maker} ${makes ?? verifies}`);
    return;
  }
  if (result === undefined) {
    say(false, `${title}: no answer`);
    return;
  }
  const broken = item.broken?.[maker];
  const expected = broken === undefined ? item.outcome : "refuses";
  const found = outcomeOf(result);
  const why = [
    ...(broken === undefined ? [] : [`${maker} ${broken}`]),
    ...(result.why === "" ? [] : [short(result.why)]),
  ];
  const reason = why.length === 0 ? "" : ` (${why.join(": ")})`;
  say(found === expected, `${title}: ${found}${found === expected ? "" : `, must be: ${expected}`}${reason}`);
}

async function exchange(work: string, peer: Peer): Promise<void> {
  const certifies = peer.name === "go";
  const cases = certifies ? [...CASES, ...certificateCases()] : CASES;
  const stage = await prepare(work, cases, certifies ? peer : undefined);
  const theirs = join(work, peer.name);
  const ours = join(work, "stemma");
  const maker = new Maker(stage.keys);
  for (const [index, item] of cases.entries()) await maker.make(join(ours, stage.folder(index)), item);
  await peer.run("make", stage.planFile, theirs);
  for (const folder of [ours, theirs]) {
    for (const [index, item] of cases.entries()) {
      const path = join(folder, stage.folder(index));
      if (existsSync(path)) await spoil(path, item, stage.keys);
    }
  }

  const byPeer = await peer.verify(stage.planFile, ours);
  const byThemselves = await peer.verify(stage.planFile, theirs);
  for (const [index, item] of cases.entries()) {
    judge(item, "stemma", peer.name, byPeer.get(item.name));
    const path = join(theirs, stage.folder(index));
    const result = existsSync(path) ? await verify(path, item, stage.keys) : undefined;
    judge(item, peer.name, "stemma", result);
    // A case that they do not decide like this among themselves would prove nothing.
    if (byThemselves.has(item.name)) judge(item, peer.name, peer.name, byThemselves.get(item.name));
  }
}

async function divergences(work: string, peers: readonly Peer[]): Promise<void> {
  const go = peers.find(({ name }) => name === "go");
  const usable = DIVERGENCES.filter((item) => item.certificate === undefined || go !== undefined);
  const plain = usable.map(({ changes: _, ...item }) => item);
  const stage = await prepare(work, plain, go);
  const folder = join(work, "divergences");
  for (const [index, item] of usable.entries()) {
    await writeDivergence(join(folder, stage.folder(index)), item, stage.keys);
  }
  const answers = new Map<string, Map<string, Result>>();
  for (const peer of peers) answers.set(peer.name, await peer.verify(stage.planFile, folder));
  const own = new Map<string, Result>();
  for (const [index, item] of usable.entries()) {
    own.set(
      item.name,
      await verify(join(folder, stage.folder(index)), item, stage.keys, item.ownerThreshold),
    );
  }
  answers.set("stemma", own);
  console.log(
    `     ${"Row".padEnd(5)} ${["Python", "Go", "Stemma"].map((name) => name.padEnd(8)).join(" ")} What`,
  );
  for (const item of usable) row(item, answers);
}

/** One line: what each of the three did, or in brackets what is written down of one that is not here. */
function row(item: Divergence, answers: ReadonlyMap<string, ReadonlyMap<string, Result>>): void {
  const wrong: string[] = [];
  const cells = (["python", "go", "stemma"] as const).map((name) => {
    const expected = item.outcomes[name];
    const all = answers.get(name);
    if (all === undefined) return `(${expected === "accepts" ? "accept" : "refuse"})`;
    const result = all.get(item.name);
    const found = result === undefined ? "no answer" : outcomeOf(result);
    if (found !== expected) {
      wrong.push(`${name} ${found}, was ${expected}: ${short(result?.why ?? "")}`);
    }
    return found;
  });
  const changed = wrong.length === 0 ? "" : ` — CHANGED: ${wrong.join("; ")}`;
  say(
    wrong.length === 0,
    `${item.row.padEnd(5)} ${cells.map((cell) => cell.padEnd(8)).join(" ")} ${item.name}${changed}`,
  );
  if (process.env.WHY !== undefined) {
    for (const [name, all] of answers) console.log(`       ${name}: ${all.get(item.name)?.why ?? ""}`);
  }
}

const [command, ...args] = process.argv.slice(2);
const peers = args.map((argument) => new Peer(argument));
const work = await mkdtemp(join(tmpdir(), "stemma-in-toto-"));
try {
  if (command === "exchange" && peers[0] !== undefined) await exchange(work, peers[0]);
  else if (command === "divergences") await divergences(work, peers);
  else throw new Error("exchange NAME=COMMAND, or divergences NAME=COMMAND…");
} finally {
  await rm(work, { recursive: true, force: true });
}
// Again at the end, where a long log is read.
for (const line of failures) console.log(`FAIL ${line}`);
console.log(failures.length === 0 ? "all as expected" : `${failures.length} not as expected`);
process.exitCode = failures.length === 0 ? 0 : 1;
