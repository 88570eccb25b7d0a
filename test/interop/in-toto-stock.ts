/**
 * What `stemma` makes is verified by the stock command of another in-toto, which is given nothing but the owner's public
 * key as a file: `in-toto-stock.ts <name> <command and words up to the layout>`. One line for each case.
 */
import { spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generatePrivateKey, KEY_KINDS, type KeyKind, publicKeyFromPem } from "@stemma/crypto";
import { writeJson } from "@stemma/encoding";
import { writeLayout } from "@stemma/in-toto";

const [peer = "", layoutFlag = "", keyFlag = "", linkFlag = "", ...command] = process.argv.slice(2);
const stemma = join(import.meta.dirname, "..", "..", "packages", "cli", "src", "main.ts");
const folder = mkdtempSync(join(tmpdir(), "stemma-stock-"));
let failed = 0;

try {
  for (const kind of kindsOf(peer)) for (const format of formatsOf(peer)) exchange(kind, format);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;

/** Go's command takes every ECDSA key for one on P-256 when it computes the key id. */
function kindsOf(name: string): readonly KeyKind[] {
  return name === "go" ? KEY_KINDS.filter((kind) => !/p384|p521/.test(kind)) : KEY_KINDS;
}

/** Go's DSSE payload is canonical JSON, which it cannot read again when a text holds a line break, as PEM keys do. */
function formatsOf(name: string): readonly string[] {
  return name === "go" ? ["metablock"] : ["metablock", "dsse"];
}

/** A layout by an owner of this kind of key, one step by a functionary of the same kind, and what must be refused. */
function exchange(kind: KeyKind, format: string): void {
  const at = join(folder, `${kind}-${format}`);
  mkdirSync(at);
  const file = (name: string): string => join(at, name);
  const build = (product: string): void => {
    run(
      at,
      ..."run --step build --key builder --products".split(" "),
      product,
      "--envelope",
      format,
      "--",
      "true",
    );
  };
  for (const name of ["owner", "builder"]) {
    const pem = generatePrivateKey(kind);
    writeFileSync(file(name), pem, { mode: 0o600 });
    writeFileSync(file(`${name}.pub`), createPublicKey(pem).export({ format: "pem", type: "spki" }));
  }
  writeFileSync(file("app"), "app");
  build("app");
  const builder = publicKeyFromPem(readFileSync(file("builder.pub"), "utf8"));
  const layout = writeLayout({
    expires: new Date(Date.now() + 86_400_000),
    steps: [
      {
        name: "build",
        threshold: 1,
        functionaries: [builder],
        expectedProducts: [
          ["CREATE", "app"],
          ["DISALLOW", "*"],
        ],
      },
    ],
  });
  writeFileSync(file("root.layout"), writeJson(layout));
  const sign = ["sign", "root.layout", "--key", "owner", "--any-key", "--format", format];
  run(at, ...sign, "--every-key-id");
  say(`${kind}, ${format}: verifies from the owner's public key`, verify(at, "owner.pub") === 0);
  say(`${kind}, ${format}: not by another key`, verify(at, "builder.pub") !== 0);
  copyFileSync(file("app"), file("other"));
  build("other");
  say(`${kind}, ${format}: not with a link that breaks a rule`, verify(at, "owner.pub") !== 0);
}

function verify(at: string, key: string): number {
  const [program = "", ...words] = command;
  const args = [...words, layoutFlag, "root.layout", keyFlag, key, linkFlag, "."];
  const { status, error } = spawnSync(program, args, { cwd: at, encoding: "utf8" });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function run(at: string, ...args: readonly string[]): void {
  const { status, stderr, stdout } = spawnSync(process.execPath, [stemma, ...args], {
    cwd: at,
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`stemma ${args.join(" ")} ended with ${status}: ${stdout}${stderr}`);
}

function say(words: string, holds: boolean): void {
  if (!holds) failed += 1;
  process.stdout.write(`${holds ? "ok" : "FAILED"}  ${peer}: ${words}\n`);
}
