import { readFile } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { ConfigError, readConfig, SETTINGS } from "../src/config.ts";

const URL_OF_DATABASE = "postgres://user:secretword@localhost/db";
const base = { STEMMA_DATABASE_URL: URL_OF_DATABASE };

describe("settings", () => {
  test("have defaults for everything but the database", () => {
    expect(readConfig(base)).toEqual({
      databaseUrl: URL_OF_DATABASE,
      host: "127.0.0.1",
      port: 8480,
      logLevel: "info",
      bodyLimit: 8 * 1024 * 1024,
      deadlineMs: 10_000,
      poolSize: 10,
      cacheBytes: 128 * 1024 * 1024,
      canarySeconds: 60,
      shutdownMs: 10_000,
    });
  });

  test("DATABASE_URL is read when there is none of our own", () => {
    expect(readConfig({ DATABASE_URL: URL_OF_DATABASE }).databaseUrl).toBe(URL_OF_DATABASE);
    expect(readConfig({ ...base, DATABASE_URL: "postgres://other/x" }).databaseUrl).toBe(URL_OF_DATABASE);
    expect(() => readConfig({})).toThrow("STEMMA_DATABASE_URL is not set; it must be a postgresql:// URL.");
  });

  test("an empty variable is not set", () => {
    expect(readConfig({ ...base, STEMMA_PORT: "" }).port).toBe(8480);
  });

  test.each([
    ["STEMMA_PORT", "65536"],
    ["STEMMA_PORT", "08480"],
    ["STEMMA_PORT", "-1"],
    ["STEMMA_PORT", "1e3"],
    ["STEMMA_HOST", "a b"],
    ["STEMMA_LOG_LEVEL", "loud"],
    ["STEMMA_BODY_LIMIT", "8MiB"],
    ["STEMMA_BODY_LIMIT", "65535"],
    ["STEMMA_REQUEST_DEADLINE_MS", "0"],
    ["STEMMA_DATABASE_POOL", "0"],
    ["STEMMA_CACHE_BYTES", "1"],
    ["STEMMA_CANARY_SECONDS", "1.5"],
    ["STEMMA_SHUTDOWN_MS", "60001"],
  ])("%s=%s is refused in one sentence that says what it must be", (variable, value) => {
    const setting = Object.values(SETTINGS).find((candidate) => candidate.variable === variable);
    const sentence = `${variable} must be ${setting?.expected}; found ${JSON.stringify(value)}.`;
    expect(() => readConfig({ ...base, [variable]: value })).toThrow(new ConfigError(sentence));
  });

  test("a wrong database URL is not repeated", () => {
    try {
      readConfig({ STEMMA_DATABASE_URL: "mysql://u:secretword@x" });
      throw new Error("It was accepted.");
    } catch (error) {
      expect(String(error)).toContain("STEMMA_DATABASE_URL must be a postgresql:// URL");
      expect(String(error)).not.toContain("secretword");
    }
  });

  test("a misspelt name is refused instead of leaving the default in force", () => {
    expect(() => readConfig({ ...base, STEMMA_BODY_LIMITS: "1" })).toThrow(
      "STEMMA_BODY_LIMITS is not a setting; docs/configuration.md lists those there are.",
    );
    expect(() => readConfig({ ...base, STEMMA_SIGNER_KEY_FILE: "x", STEMMA_DATA_DIR: "y" })).not.toThrow();
    // What people export for the command must not stop the service.
    expect(() =>
      readConfig({ ...base, STEMMA_CACHE: "x", STEMMA_SERVER: "y", STEMMA_TOKEN: "z" }),
    ).not.toThrow();
  });

  test("docs/configuration.md lists every setting with its default and meaning", async () => {
    const page = await readFile(new URL("../../../docs/configuration.md", import.meta.url), "utf8");
    for (const { variable, fallback, meaning } of Object.values(SETTINGS)) {
      const shown = fallback === undefined ? "" : `\`${fallback}\``;
      expect(page).toContain(`| \`${variable}\` | ${shown} | ${meaning} |`);
    }
  });
});
