import { readdirSync, readFileSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "@jest/globals";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a package may import. Arrows run one way; whatever is not named here is not allowed. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  encoding: [],
  crypto: ["encoding"],
  tuf: ["encoding", "crypto"],
  "in-toto": ["encoding", "crypto"],
  image: ["encoding", "crypto"],
  sigstore: ["encoding", "crypto"],
  lineage: ["encoding", "crypto", "image", "tuf", "in-toto", "sigstore"],
  oci: ["encoding", "crypto", "image"],
  client: ["encoding", "crypto", "image", "tuf", "in-toto", "sigstore", "lineage"],
  contract: ["encoding", "crypto", "image", "tuf", "in-toto", "sigstore", "lineage", "oci", "client"],
  store: ["encoding", "crypto", "image", "tuf", "in-toto", "lineage", "client", "contract"],
  cli: [
    "encoding",
    "crypto",
    "image",
    "tuf",
    "in-toto",
    "sigstore",
    "lineage",
    "oci",
    "client",
    "contract",
    "store",
  ],
};

/** Pure packages: no I/O, no clock, no randomness. Of Node they may use hashing, signatures and nothing else. */
const PURE: Record<string, readonly string[]> = {
  encoding: [],
  crypto: ["node:crypto"],
  tuf: [],
  "in-toto": [],
  image: [],
  sigstore: [],
  lineage: [],
};
/** Signers may do I/O: the one file of a pure package that reads keys from disk. */
const IMPURE_FILES = new Set(["packages/crypto/src/signer-sources.ts"]);

function sourcesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesOf(path);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(path: string): string[] {
  const text = readFileSync(path, "utf8");
  const statements = text.matchAll(/^(?:import|export)\s(?:[^"'`;=()]*?\sfrom\s+)?"([^"\n]+)"/gm);
  const dynamic = text.matchAll(/\bimport\(\s*"([^"\n]+)"/g);
  return [...statements, ...dynamic].map((match) => match[1] ?? "");
}

function isDirectory(path: string): boolean {
  return statSync(path).isDirectory();
}

const packages = readdirSync(join(root, "packages")).filter((name) =>
  isDirectory(join(root, "packages", name)),
);
const services = readdirSync(join(root, "services")).filter((name) =>
  isDirectory(join(root, "services", name)),
);

test("every package has its place in the order", () => {
  expect([...packages].sort()).toEqual(Object.keys(MAY_IMPORT).sort());
});

describe.each(packages)("packages/%s", (name) => {
  const files = sourcesOf(join(root, "packages", name, "src"));

  test("imports only what stands below it, and no service", () => {
    const found = new Set(files.flatMap(importsOf).filter((from) => from.startsWith("@stemma/")));
    const allowed = new Set((MAY_IMPORT[name] ?? []).map((below) => `@stemma/${below}`));
    expect([...found].filter((from) => !allowed.has(from))).toEqual([]);
  });

  test("reaches into no other package's files", () => {
    const outside = files.flatMap((file) =>
      importsOf(file)
        .filter((from) => from.startsWith("."))
        .filter((from) => relative(join(root, "packages", name), join(dirname(file), from)).startsWith("..")),
    );
    expect(outside).toEqual([]);
  });

  test("declares what it imports", () => {
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8"));
    const declared = new Set(Object.keys(manifest.dependencies ?? {}));
    const builtin = new Set(builtinModules);
    const found = files
      .flatMap(importsOf)
      .filter((from) => !from.startsWith(".") && !from.startsWith("node:"));
    const names = found.map((from) =>
      from
        .split("/")
        .slice(0, from.startsWith("@") ? 2 : 1)
        .join("/"),
    );
    expect([...new Set(names)].filter((from) => !declared.has(from) && !builtin.has(from))).toEqual([]);
  });
});

describe.each(Object.keys(PURE))("packages/%s is pure", (name) => {
  const files = sourcesOf(join(root, "packages", name, "src")).filter(
    (file) => !IMPURE_FILES.has(relative(root, file).replaceAll("\\", "/")),
  );

  test("uses nothing of Node but what it may", () => {
    const found = new Set(files.flatMap(importsOf).filter((from) => from.startsWith("node:")));
    expect([...found].filter((from) => !PURE[name]?.includes(from))).toEqual([]);
  });

  test("reads no clock, draws nothing at random, and reaches for no network or environment", () => {
    const impure =
      /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.now|process\.|fetch\(|setTimeout|randomBytes|randomUUID)/;
    const found = files.filter((file) => impure.test(withoutComments(readFileSync(file, "utf8"))));
    expect(found.map((file) => relative(root, file))).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

describe.each(services)("services/%s", (name) => {
  test("is imported by no package, and imports no other service's files", () => {
    const own = `@stemma/service-${name}`;
    const fromPackages = packages
      .flatMap((other) => sourcesOf(join(root, "packages", other, "src")))
      .flatMap(importsOf);
    expect(fromPackages).not.toContain(own);
    const files = sourcesOf(join(root, "services", name, "src"));
    const outside = files.flatMap((file) =>
      importsOf(file)
        .filter((from) => from.startsWith("."))
        .filter((from) => relative(join(root, "services", name), join(dirname(file), from)).startsWith("..")),
    );
    expect(outside).toEqual([]);
  });
});

test("only the store imports pg", () => {
  const everything = [
    ...packages
      .filter((name) => name !== "store")
      .flatMap((name) => sourcesOf(join(root, "packages", name, "src"))),
    ...services.flatMap((name) => sourcesOf(join(root, "services", name, "src"))),
  ];
  expect(
    everything.filter((file) => importsOf(file).includes("pg")).map((file) => relative(root, file)),
  ).toEqual([]);
});

test("the lockfile names no address to download from", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  expect(lock.match(/"resolved": "https?:[^"]*"/g)).toBeNull();
});
