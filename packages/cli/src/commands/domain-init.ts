import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PublicKey } from "@stemma/crypto";
import { assemble, type DelegatedRoleInput, decodeRoot, rootPayload, targetsPayload } from "@stemma/tuf";
import { describeMetadata } from "../describe.ts";
import { CliError } from "../error.ts";
import { writeOutput } from "../files.ts";
import { readPublicKeyFile, readPublicKeyFiles } from "../keys.ts";
import { serverOnlineKey } from "../online-key.ts";
import { type Outcome, styled } from "../output.ts";
import { plural } from "../text.ts";
import { parseExpiry } from "../time.ts";

export interface InitOptions {
  readonly rootKey: readonly string[];
  readonly rootThreshold: number;
  readonly targetsKey: readonly string[];
  readonly targetsThreshold: number;
  readonly onlineKey?: string;
  readonly rootExpires: string;
  readonly targetsExpires: string;
  readonly server: string;
}

/** The delegation under which records of artifacts live: to the online key, for digests and nothing else. */
export function artifactsDelegation(onlineKey: PublicKey): DelegatedRoleInput {
  return {
    name: "artifacts",
    keys: [onlineKey],
    threshold: 1,
    terminating: true,
    paths: ["sha256/*", "sha512/*"],
  };
}

/** Drafts root version 1 and targets version 1, without signatures. */
export async function initDomain(options: InitOptions, folder: string): Promise<Outcome> {
  const now = new Date();
  const rootKeys = await readPublicKeyFiles(options.rootKey);
  const targetsKeys = await readPublicKeyFiles(options.targetsKey);
  checkThreshold("--root-threshold", options.rootThreshold, rootKeys);
  checkThreshold("--targets-threshold", options.targetsThreshold, targetsKeys);
  const onlineKey = await onlineKeyOf(options);
  for (const key of [...rootKeys, ...targetsKeys]) {
    if (key.fingerprint === onlineKey.fingerprint) {
      throw new CliError(
        "usage",
        "The online key must not sign root or targets: whoever takes the server takes it.",
      );
    }
  }

  const online = { keys: [onlineKey], threshold: 1 };
  const root = rootPayload({
    version: 1,
    expires: parseExpiry(options.rootExpires, now),
    roles: {
      root: { keys: rootKeys, threshold: options.rootThreshold },
      targets: { keys: targetsKeys, threshold: options.targetsThreshold },
      timestamp: online,
      snapshot: online,
    },
  });
  const targets = targetsPayload({
    version: 1,
    expires: parseExpiry(options.targetsExpires, now),
    delegations: { roles: [artifactsDelegation(onlineKey)] },
  });
  const rootFile = join(folder, "root.json");
  const targetsFile = join(folder, "targets.json");
  for (const path of [rootFile, targetsFile]) {
    if (await stat(path).catch(() => undefined)) {
      throw new CliError("file_exists", `${path} exists already and is not overwritten.`);
    }
  }
  await mkdir(folder, { recursive: true });
  const rootBytes = assemble(root, []);
  await writeOutput(rootFile, rootBytes, { create: true });
  await writeOutput(targetsFile, assemble(targets, []), { create: true });

  const description = describeMetadata(decodeRoot(rootBytes).signed, now);
  const signing = (file: string, keys: readonly string[]): string[] =>
    keys.map((key) => `  stemma sign ${file} --key ${key.replace(/\.pub$/, "")}`);
  return {
    document: {
      root: rootFile,
      targets: targetsFile,
      onlineKey: onlineKey.keyId,
      rootThreshold: options.rootThreshold,
      targetsThreshold: options.targetsThreshold,
    },
    lines: [
      ["Drafted ", styled("bold", rootFile), " and ", styled("bold", targetsFile), ", not signed yet."],
      ...description.lines,
      "",
      `Next: ${options.rootThreshold} of these, each by the owner of the key:`,
      ...signing(rootFile, options.rootKey),
      `and ${options.targetsThreshold} of these:`,
      ...signing(targetsFile, options.targetsKey),
      `Then: stemma domain create <name> ${folder}`,
    ],
  };
}

function checkThreshold(option: string, threshold: number, keys: readonly PublicKey[]): void {
  if (threshold > keys.length) {
    throw new CliError(
      "usage",
      `${option} is ${threshold}, but ${plural(keys.length, "key")} ${keys.length === 1 ? "is" : "are"} given.`,
    );
  }
}

async function onlineKeyOf(options: InitOptions): Promise<PublicKey> {
  if (options.onlineKey !== undefined) return readPublicKeyFile(options.onlineKey);
  return serverOnlineKey(options);
}
