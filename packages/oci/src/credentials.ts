import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { asObject, asString, EncodingError, type JsonObject, parseJson } from "@stemma/encoding";
import { askHelper } from "./credential-helper.ts";
import { OciError } from "./error.ts";

/** A login at a registry. */
export type Credential =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** Exchanged at the registry's token service for what the registry takes. */
  | { readonly kind: "identity-token"; readonly token: string };

/** Finds the login at a registry's repository; undefined for none. Throws `credentials_unreadable`. */
export type CredentialSource = (host: string, repository: string) => Promise<Credential | undefined>;

/** No login anywhere. */
export const anonymous: CredentialSource = async () => undefined;

const MAX_CONFIG = 1024 * 1024;
/** Docker Hub is known by several names, and by this one in configurations. */
const DOCKER_HUB = "https://index.docker.io/v1/";
const DOCKER_HUB_HOSTS = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

/**
 * The logins of `docker login`, `podman login`, `crane auth login` and their like: REGISTRY_AUTH_FILE first, then
 * config.json in DOCKER_CONFIG or ~/.docker. In each, a credential helper for the registry goes before the store for all,
 * and that before what stands in the file itself. The longest key that fits counts, so a login may be for one repository.
 */
export function dockerCredentials(environment: NodeJS.ProcessEnv = process.env): CredentialSource {
  const { REGISTRY_AUTH_FILE, DOCKER_CONFIG } = environment;
  const files = [
    ...(REGISTRY_AUTH_FILE ? [REGISTRY_AUTH_FILE] : []),
    join(DOCKER_CONFIG ? DOCKER_CONFIG : join(homedir(), ".docker"), "config.json"),
  ];
  return async (host, repository) => {
    for (const file of files) {
      const config = await readConfig(file);
      const found =
        config === undefined ? undefined : await lookUp(config, { host, repository, file, environment });
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

async function readConfig(file: string): Promise<JsonObject | undefined> {
  try {
    if ((await stat(file)).size > MAX_CONFIG) throw unreadable(file, "it is too large");
    return asObject(parseJson(await readFile(file), { fractions: true }), "the configuration");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    if (error instanceof OciError) throw error;
    // The parser's own message could quote the file, and with it a secret.
    throw unreadable(file, error instanceof EncodingError ? "it is not strict JSON" : "it cannot be opened");
  }
}

interface Inquiry {
  readonly host: string;
  readonly repository: string;
  readonly file: string;
  readonly environment: NodeJS.ProcessEnv;
}

async function lookUp(
  config: JsonObject,
  { host, repository, file, environment }: Inquiry,
): Promise<Credential | undefined> {
  const isHub = DOCKER_HUB_HOSTS.has(host);
  const server = isHub ? DOCKER_HUB : host;
  const names = isHub ? [DOCKER_HUB, ...DOCKER_HUB_HOSTS] : [host];
  try {
    const helpers = config.get("credHelpers");
    if (helpers !== undefined && helpers !== null) {
      for (const name of names) {
        const helper = asObject(helpers, "credHelpers").get(name);
        if (helper !== undefined) return askHelper(asString(helper, "credHelpers"), server, environment);
      }
    }
    const store = config.get("credsStore");
    if (store !== undefined && store !== "") {
      const found = await askHelper(asString(store, "credsStore"), server, environment);
      if (found !== undefined) return found;
    }
    return inFile(config, names, repository);
  } catch (error) {
    if (error instanceof EncodingError) throw unreadable(file, "it is not in the form of Docker's");
    throw error;
  }
}

function inFile(config: JsonObject, names: readonly string[], repository: string): Credential | undefined {
  const auths = config.get("auths");
  if (auths === undefined || auths === null) return undefined;
  const byPlace = new Map<string, JsonObject>();
  for (const [key, value] of asObject(auths, "auths")) byPlace.set(normal(key), asObject(value, "auths"));
  for (const name of names.map(normal)) {
    const parts = repository.split("/");
    for (let length = parts.length; length >= 0; length -= 1) {
      const found = byPlace.get([name, ...parts.slice(0, length)].join("/"));
      const credential = found === undefined ? undefined : readAuth(found);
      if (credential !== undefined) return credential;
    }
  }
  return undefined;
}

/** `https://registry.example/v1/` and `registry.example` are the same key. */
function normal(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
}

function readAuth(auth: JsonObject): Credential | undefined {
  const text = (name: string): string => {
    const value = auth.get(name);
    return value === undefined || value === null ? "" : asString(value, name);
  };
  const identity = text("identitytoken");
  if (identity !== "") return { kind: "identity-token", token: identity };
  const decoded = Buffer.from(text("auth"), "base64").toString("utf8").replace(/\0+$/, "");
  const colon = decoded.indexOf(":");
  if (colon > 0) {
    return { kind: "password", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
  }
  if (text("username") === "") return undefined;
  return { kind: "password", username: text("username"), password: text("password") };
}

function unreadable(file: string, why: string): OciError {
  return new OciError("credentials_unreadable", `The registry logins in ${file} cannot be read: ${why}.`);
}
