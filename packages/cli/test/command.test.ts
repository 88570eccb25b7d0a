import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { buildProgram, commandTree } from "@stemma/cli";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { readEnvelope, readLink } from "@stemma/in-toto";
import { DomainFixture } from "../../../test/support/domain.ts";
import { Desk, type Said } from "./support/command-line.ts";

let desk: Desk;
let folder: string;
beforeEach(async () => {
  desk = await Desk.create();
  folder = desk.folder;
});
afterEach(() => desk.remove());

const stemma = (args: readonly string[], env: Record<string, string> = {}): Promise<Said> =>
  desk.stemma(args, { env });

const PASSPHRASE = { STEMMA_PASSPHRASE: "a passphrase that must not be seen" };

describe("key", () => {
  test("new makes an encrypted key that only its owner can read, and never overwrites", async () => {
    expect((await stemma(["key", "new", "a.pem"], PASSPHRASE)).code).toBe(0);
    expect((await stat(join(folder, "a.pem"))).mode & 0o777).toBe(0o600);
    const pem = await readFile(join(folder, "a.pem"), "utf8");
    expect(pem).toContain("ENCRYPTED");
    const again = await stemma(["key", "new", "a.pem", "--json"], PASSPHRASE);
    expect(again.code).toBe(2);
    expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: "file_exists" } });
    expect(await readFile(join(folder, "a.pem"), "utf8")).toBe(pem);
  });

  test("a passphrase is never in what is printed, and a wrong one is refused", async () => {
    const made = await stemma(["key", "new", "a.pem", "--json"], PASSPHRASE);
    expect(made.stdout + made.stderr).not.toContain("passphrase that must");
    await writeFile(join(folder, "wrong"), "something else\n", { mode: 0o600 });
    const args = [
      "run",
      "--step",
      "x",
      "--key",
      "a.pem",
      "--passphrase-file",
      "wrong",
      "--json",
      "--",
      "true",
    ];
    const refused = await stemma(args, PASSPHRASE);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout).toContain("bad_passphrase");
    expect(refused.stdout + refused.stderr).not.toMatch(/passphrase that must|something else/);
  });

  test("a key file that others can read is refused", async () => {
    await stemma(["key", "new", "a.pem", "--no-passphrase"]);
    await promisify(execFile)("chmod", ["644", join(folder, "a.pem")]);
    const said = await stemma(["run", "--step", "x", "--key", "a.pem", "--json", "--", "true"]);
    expect(said.code).not.toBe(0);
    expect(said.stdout).toContain("key_file_unprotected");
  });
});

describe("run", () => {
  beforeEach(async () => {
    await stemma(["key", "new", "a.pem", "--no-passphrase"]);
    await mkdir(join(folder, "src"));
    await writeFile(join(folder, "src/b.txt"), "b");
    await writeFile(join(folder, "src/a.txt"), "a");
  });

  const run = (...args: string[]) =>
    stemma(["run", "--step", "build", "--key", "a.pem", "-o", "build.link", ...args]);
  const link = async () => readLink(readEnvelope(await readFile(join(folder, "build.link"))));
  const hash = (text: string) => new Map([["sha256", sha256(utf8(text))]]);

  test("records exactly what went in and what came out, with the command", async () => {
    const said = await run(
      "--materials",
      "src",
      "--products",
      "out.txt",
      "--",
      "sh",
      "-c",
      "cat src/*.txt > out.txt",
    );
    expect(said.code).toBe(0);
    const { name, materials, products, command } = await link();
    expect(name).toBe("build");
    expect([...materials]).toEqual([
      ["src/a.txt", hash("a")],
      ["src/b.txt", hash("b")],
    ]);
    expect([...products]).toEqual([["out.txt", hash("ab")]]);
    expect(command).toEqual(["sh", "-c", "cat src/*.txt > out.txt"]);
  });

  test("ends with the command's exit code and writes no link when it fails", async () => {
    const said = await run("--products", "src", "--", "sh", "-c", "exit 7");
    expect(said.code).toBe(7);
    expect(await readdir(folder)).not.toContain("build.link");
  });

  test("does not run a shell, and refuses what lies outside the folder", async () => {
    expect((await run("--products", "src", "--", "echo $HOME; rm -rf /nothing")).code).toBe(2);
    expect((await run("--products", "/etc/hostname", "--", "true")).code).not.toBe(0);
    await symlink("/etc", join(folder, "src/outside"));
    const said = await run("--products", "src", "--", "true");
    const names = said.code === 0 ? [...(await link()).products.keys()] : [];
    expect(names.filter((name) => name.includes("outside/"))).toEqual([]);
  });
});

describe("exit codes", () => {
  test.each([
    ["no such command", ["frobnicate"], 2],
    ["no such option", ["verify", "x", "--frobnicate"], 2],
    ["a missing argument", ["verify"], 2],
    ["a digest that is none", ["show", "sha256:00", "--domain", "d"], 2],
    ["no pinned root", ["verify", `sha256:${"0".repeat(64)}`, "--domain", "d"], 2],
  ])("%s", async (_name, args, code) => {
    expect((await stemma([...args, "--json"])).code).toBe(code);
  });

  test("a server that cannot be reached is neither allow nor deny", async () => {
    const domain = await DomainFixture.create();
    await writeFile(join(folder, "root.json"), domain.root);
    const args = ["verify", domain.digest, "--root", "root.json", "--project", "app", "--domain", "d"];
    expect((await stemma([...args, "--server", "http://127.0.0.1:9"])).code).toBe(3);
  }, 20_000);
});

describe("what it prints", () => {
  test("help for every command, with every option", async () => {
    for (const node of commandTree(buildProgram()).filter(({ children }) => children.length === 0)) {
      let command = buildProgram();
      for (const word of node.path.slice(1)) {
        command = command.commands.find((child) => child.name() === word) as typeof command;
      }
      const help = command.helpInformation();
      for (const option of node.options) expect(help).toContain(option.long);
      expect(node.options.map((option) => option.long)).toContain("--json");
    }
  });

  test("no colour where there is no terminal, and no control characters from outside (N-67)", async () => {
    await writeFile(
      join(folder, "evil.json"),
      '{"signed":{"_type":"\\u001b[31mred\\u0007"},"signatures":[]}',
    );
    await stemma(["key", "new", "a.pem", "--no-passphrase"]);
    const said = await stemma(["sign", "evil.json", "--key", "a.pem", "--any-key"]);
    expect(said.code).not.toBe(0);
    expect(said.stdout + said.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]/);
  });

  test("completion that the shells can read", async () => {
    const { stdout } = await stemma(["completion", "bash"]);
    await writeFile(join(folder, "completion.bash"), stdout);
    await promisify(execFile)("bash", ["-n", join(folder, "completion.bash")]);
    for (const shell of ["zsh", "fish"]) {
      expect((await stemma(["completion", shell])).stdout).toContain("stemma");
    }
  });

  test("configuration in the working folder has no effect (N-49)", async () => {
    await writeFile(join(folder, ".stemmarc"), "server=http://127.0.0.1:1");
    await writeFile(join(folder, ".in_totorc"), "[settings]");
    await writeFile(join(folder, "stemma.json"), "{}");
    const said = await stemma(["key", "new", "a.pem", "--no-passphrase", "--json"]);
    expect(said.code).toBe(0);
    expect(said.stderr).not.toMatch(/rc|stemma\.json/);
  });
});
