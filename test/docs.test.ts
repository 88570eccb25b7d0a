import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";
import type { Command } from "commander";
import { buildProgram } from "../packages/cli/src/index.ts";
import { LINT_CODES } from "../packages/in-toto/src/index.ts";
import { cliReferencePage } from "./support/cli-reference.ts";
import { reasonCodesPage } from "./support/reason-codes.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

function pagesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return pagesOf(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

const pages = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", ...pagesOf("docs")];
const textOf = (page: string): string => readFileSync(join(root, page), "utf8");

describe.each(pages)("%s", (page) => {
  const text = textOf(page);

  test("links to pages and pictures that are there", () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map((match) => match[1] ?? "");
    const local = links.filter((link) => !/^[a-z]+:/.test(link));
    expect(local.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  test("names npm scripts that are there", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const named = [...text.matchAll(/\bnpm (?:run )?([a-z]+)\b/g)].map((match) => match[1] ?? "");
    const builtin = new Set([
      "test",
      "start",
      "run",
      "ci",
      "install",
      "tarball",
      "package",
      "pack",
      "packages",
    ]);
    expect(named.filter((name) => !(name in scripts) && !builtin.has(name))).toEqual([]);
  });

  test("shows commands with options that they have", () => {
    expect(commandsIn(text).flatMap(faultsOf)).toEqual([]);
  });
});

describe.each(readdirSync(join(root, "docs/ci")).map((name) => join("docs/ci", name)))("%s", (snippet) => {
  const lines = textOf(snippet).split("\n");

  test("shows commands with options that they have", () => {
    const commands = lines
      .map((line) => line.trim().replace(/^(?:- )?(?:run: )?/, ""))
      .filter((line) => line.startsWith("stemma "));
    expect(commands.length).toBeGreaterThan(3);
    expect(commands.map(wordsOf).flatMap(faultsOf)).toEqual([]);
  });

  test("is shown in the guide, and indented as YAML is", () => {
    expect(textOf("docs/guides/developer-and-ci.md")).toContain(`(../ci/${basename(snippet)})`);
    expect(lines.filter((line) => line.includes("\t") || /^(?: {2})* \S/.test(line))).toEqual([]);
  });
});

/** Lines of shell blocks, and whole commands in running text, that call `stemma`. */
function commandsIn(text: string): string[][] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap((match) => (match[1] ?? "").split("\n"));
  const inline = [...text.matchAll(/`((?:STEMMA_\w+=\S+ )?stemma [^`]+)`/g)].map((match) =>
    (match[1] ?? "").replaceAll("\n", " "),
  );
  return [...blocks, ...inline]
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .map((line) => line.replace(/^(?:STEMMA_\w+=\S+ )*(?:npm run stemma --|stemma)\s+/, "stemma "))
    .filter((line) => line.startsWith("stemma ") && !line.includes("..."))
    .map(wordsOf);
}

/** The words after `stemma`. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"[^"]*"|\S+/g)].map((match) => match[0]).slice(1);
}

function faultsOf(words: readonly string[]): string[] {
  let command: Command = buildProgram();
  let at = 0;
  for (; at < words.length; at += 1) {
    const next = command.commands.find((child) => child.name() === words[at]);
    if (next === undefined) break;
    command = next;
  }
  const line = `stemma ${words.join(" ")}`;
  if (at === 0 && !words[0]?.startsWith("-")) return [`${line}: no such command`];
  const known = new Set(command.options.flatMap((option) => [option.long, option.short]));
  known.add("--help").add("--version");
  const end = words.indexOf("--");
  const options = words.slice(at, end < 0 ? undefined : end).filter((word) => /^--?[a-z]/.test(word));
  return options
    .filter((option) => !known.has(option.split("=")[0]))
    .map((option) => `${line}: no option ${option}`);
}

test("the reference of the command is its command tree", () => {
  expect(textOf("docs/cli.md")).toBe(cliReferencePage());
});

test("the reason codes are the ones in the code", () => {
  expect(textOf("docs/reason-codes.md")).toBe(reasonCodesPage());
});

test("the findings about layouts are the ones in the code", () => {
  const rows = [...textOf("docs/layouts.md").matchAll(/^\| `([a-z_]+)` \| (error|warning|note) \|/gm)];
  expect(rows.map(([, code, severity]) => [code, severity])).toEqual([...LINT_CODES]);
});

test("the example for admission hooks is what the client library offers", () => {
  const example = /```ts\n([\s\S]*?)```/.exec(textOf("docs/guides/admission-hook.md"))?.[1] ?? "";
  expect(example.replace(/^import .*;$/gm, "").trim()).toBe(exampleOf("test/support/admission-example.ts"));
});

/** The example as it is type-checked, without its imports. */
function exampleOf(path: string): string {
  return textOf(path)
    .replace(/^import .*;$/gm, "")
    .replace(/^\/\*\*[\s\S]*?\*\/$/m, "")
    .trim();
}

test("every decision is in the list of decisions", () => {
  const listed = textOf("docs/decisions/README.md");
  const files = pages.filter(
    (page) => page.startsWith(join("docs", "decisions")) && !page.endsWith("README.md"),
  );
  expect(files.length).toBeGreaterThan(5);
  expect(files.filter((file) => !listed.includes(relative(join("docs", "decisions"), file)))).toEqual([]);
});
