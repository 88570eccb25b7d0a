import {
  isRegistryTarget,
  PROBLEM_MEDIA_TYPE,
  problemSchema,
  ROUTES,
  type Route,
  registryErrorSchema,
} from "@stemma/contract";
import { generatePrivateKey, type Signer, signerFromPem } from "@stemma/crypto";
import { encodeBase64 } from "@stemma/encoding";
import { layoutPath } from "@stemma/lineage";
import { createToken } from "@stemma/store";
import { pino } from "pino";
import { type TestDatabase, testDatabase } from "../../../../test/support/database.ts";
import {
  readConfig as readSignerConfig,
  type SignerService,
  type SummarySigner,
  startSigner,
} from "../../../signer/src/index.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observe/log.ts";
import { type Overrides, type RepositoryService, startRepository } from "../../src/service.ts";
import { People } from "./people.ts";

/** An answer, read to its end. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly json: any;
}

/** Every JSON answer that any test sees has the form that the contract promises. */
function checkContract(method: string, path: string, status: number, type: string, json: unknown): void {
  if (type === PROBLEM_MEDIA_TYPE) {
    problemSchema.parse(json);
    return;
  }
  if (isRegistryTarget(path) && status >= 400) {
    registryErrorSchema.parse(json);
    return;
  }
  const pathname = path.split("?", 1)[0] ?? "";
  const routes: readonly Route[] = Object.values(ROUTES);
  const route = routes.find(
    (candidate) =>
      candidate.method === method &&
      new RegExp(`^${candidate.path.replace(/\{\+\w+\}/g, ".+").replace(/\{\w+\}/g, "[^/]+")}$`).test(
        pathname,
      ),
  );
  if (route === undefined)
    throw new Error(`${method} ${pathname} answered ${status} and is not in the table.`);
  const answer = route.answers[status];
  if (answer === undefined)
    throw new Error(`${method} ${route.path} answered ${status}, which the table does not list.`);
  answer.schema?.parse(json);
}

/** A real database, a real signer and a real repository service, on real sockets. */
export class World {
  readonly database: TestDatabase;
  readonly online: Signer;
  /** Lines of the repository's log, parsed. */
  readonly log: Record<string, unknown>[];
  service: RepositoryService;
  signer: SignerService | undefined;
  /** Of the next signer that is started. */
  verifier: SummarySigner | undefined;
  token = "";
  #domains = 0;

  private constructor(
    database: TestDatabase,
    online: Signer,
    log: Record<string, unknown>[],
    service: RepositoryService,
  ) {
    this.database = database;
    this.online = online;
    this.log = log;
    this.service = service;
  }

  static async start(settings: Record<string, string> = {}, overrides: Overrides = {}): Promise<World> {
    const database = await testDatabase();
    const log: Record<string, unknown>[] = [];
    const service = await startRepository(
      readConfig({
        STEMMA_DATABASE_URL: database.repositoryUrl,
        STEMMA_PORT: "0",
        STEMMA_CANARY_SECONDS: "0",
        ...settings,
      }),
      {
        log: createLogger({ logLevel: "debug" }, { write: (line) => log.push(JSON.parse(line)) }),
        ...overrides,
      },
    );
    const world = new World(database, signerFromPem(generatePrivateKey("ed25519")), log, service);
    await world.startSigner();
    const scopes = ["domain:create", "domain:list", "summary:issue"];
    world.token = (await createToken(database.owner, { name: "test", scopes })).secret;
    return world;
  }

  async startSigner(): Promise<void> {
    const config = readSignerConfig({
      STEMMA_DATABASE_URL: this.database.signerUrl,
      STEMMA_SIGNER_KEY: "given",
      STEMMA_BIN_BITS: "4",
    });
    this.signer = await startSigner(
      config,
      { online: this.online, verifier: this.verifier },
      pino({ level: "silent" }),
    );
  }

  async stopSigner(): Promise<void> {
    await this.signer?.stop();
    this.signer = undefined;
  }

  async stop(): Promise<void> {
    await this.service.stop();
    await this.stopSigner();
    await this.database.close();
  }

  async request(method: string, path: string, options: RequestInit = {}): Promise<Reply> {
    const response = await fetch(this.service.url + path, { method, redirect: "manual", ...options });
    const bytes = Buffer.from(await response.arrayBuffer());
    const type = response.headers.get("content-type") ?? "";
    const json = type.includes("json") && bytes.length > 0 ? JSON.parse(bytes.toString("utf8")) : undefined;
    if (json !== undefined) checkContract(method, path, response.status, type, json);
    return { status: response.status, headers: response.headers, bytes, json };
  }

  get(path: string, headers: Record<string, string> = {}): Promise<Reply> {
    return this.request("GET", path, { headers });
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Reply> {
    return this.request("POST", path, {
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  /** Creates a domain; with a project `app` and its layout unless told otherwise. */
  async createDomain(options: { project?: boolean } = {}): Promise<{ name: string; people: People }> {
    this.#domains += 1;
    const name = `domain-${this.#domains}`;
    const people = new People(this.online);
    const reply = await this.post(
      "/v1/domains?wait=published",
      { name, ...(await this.firstUpload(people, options)) },
      { Authorization: `Bearer ${this.token}` },
    );
    if (reply.status !== 201) throw new Error(`The domain was not created: ${reply.bytes.toString()}`);
    return { name, people };
  }

  async firstUpload(people: People, options: { project?: boolean } = {}) {
    const metadata = [await people.rootDocument(), await people.targetsDocument()];
    if (options.project === false) return { metadata, files: [] };
    const layout = await people.layout();
    metadata.push(await people.projectDocument(1, new Map([[layoutPath("app"), layout]])));
    return { metadata, files: [encodeBase64(layout)] };
  }

  /** Records an artifact and waits until it is published. */
  async record(domain: string, people: People, name: string): Promise<{ digest: string; reply: Reply }> {
    const { digest, size, evidence } = await people.links(name);
    const reply = await this.post(`/v1/domains/${domain}/artifacts/${digest}?wait=published`, {
      descriptor: { mediaType: "application/gzip", size },
      project: "app",
      evidence,
    });
    return { digest, reply };
  }
}
