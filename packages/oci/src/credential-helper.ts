import { spawn } from "node:child_process";
import { asObject, asString, EncodingError, member, parseJson } from "@stemma/encoding";
import type { Credential } from "./credentials.ts";
import { OciError } from "./error.ts";

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const DEADLINE_MS = 20_000;
const MAX_OUTPUT = 64 * 1024;
/** What helpers say, and end with 1, when they know nothing of a server. */
const NOT_FOUND = /credentials not found|no credentials|not found in native keychain/i;

/**
 * Asks a credential helper of Docker for the login at a server: `docker-credential-<name> get`, the server on its standard
 * input, JSON on its standard output. It is found on the PATH and started without a shell. What it prints is never
 * repeated, for it may be the secret. Throws `credentials_unreadable`.
 */
export async function askHelper(
  name: string,
  server: string,
  environment: NodeJS.ProcessEnv,
): Promise<Credential | undefined> {
  if (!NAME.test(name)) {
    throw new OciError("credentials_unreadable", "The Docker configuration names a credential helper oddly.");
  }
  const program = `docker-credential-${name}`;
  const { code, output } = await run(program, server, environment);
  if (code !== 0) {
    if (NOT_FOUND.test(output.toString("utf8"))) return undefined;
    throw unreadable(program, `it ended with ${code}`);
  }
  try {
    const answer = asObject(parseJson(output), "the answer");
    const username = asString(member(answer, "Username", "the answer"), "Username");
    const secret = asString(member(answer, "Secret", "the answer"), "Secret");
    if (secret === "") return undefined;
    return username === "<token>"
      ? { kind: "identity-token", token: secret }
      : { kind: "password", username, password: secret };
  } catch (error) {
    if (error instanceof EncodingError) throw unreadable(program, "its answer is not in the form of helpers");
    throw error;
  }
}

function run(
  program: string,
  input: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number; output: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], {
      stdio: ["pipe", "pipe", "ignore"],
      env,
      shell: false,
    });
    const stop = () => {
      child.kill("SIGKILL");
      // A program of its own that it started may hold the other end.
      child.stdout.destroy();
    };
    // Node's own timeout goes on for a program that could not be started, and holds the process for as long.
    const timer = setTimeout(stop, DEADLINE_MS);
    const pieces: Buffer[] = [];
    let size = 0;
    child.once("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(unreadable(program, error.code === "ENOENT" ? "it is not on the PATH" : "it cannot be started"));
    });
    child.stdout.on("data", (piece: Buffer) => {
      size += piece.length;
      if (size > MAX_OUTPUT) stop();
      else pieces.push(piece);
    });
    child.once("close", (code) => {
      clearTimeout(timer);
      if (code === null) reject(unreadable(program, "it took too long, or said too much"));
      else resolve({ code, output: Buffer.concat(pieces) });
    });
    // A helper that reads nothing may have gone before it was told.
    child.stdin.on("error", () => undefined);
    child.stdin.end(`${input}\n`);
  });
}

function unreadable(program: string, why: string): OciError {
  return new OciError("credentials_unreadable", `The credential helper ${program} did not answer: ${why}.`);
}
