import { readPublicKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { type Digest, encodeBase64, fromPlain, utf8 } from "@stemma/encoding";
import { type EnvelopeFormat, type StepContent, signLayout, signLink } from "@stemma/in-toto";
import { layoutPath, projectPaths, trustedRootPath } from "@stemma/lineage";
import { rootPayload, signPayload, targetsPayload } from "@stemma/tuf";
import { artifacts, days, digestOf, newSigner } from "./domain.ts";
import { type RunningService, stemmaJson } from "./service.ts";

export interface LiveDomainOptions {
  /** `live` unless told. */
  readonly name?: string;
  /** Private key (PEM) of the one who owns everything; a new one unless told. */
  readonly ownerPem?: string;
  /** Steps of the layout beside `build`. */
  readonly steps?: readonly StepContent[];
  /** Of a Sigstore, for the project. */
  readonly trustedRoot?: Uint8Array;
}

/** What is recorded, as its registry would describe it. */
export interface Recorded {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

/** A trust domain on a running service: one key each, a project `app` whose layout has one step. */
export class LiveDomain {
  readonly name: string;
  readonly url: string;
  readonly root: Uint8Array;
  readonly functionary: Signer;

  private constructor(name: string, url: string, root: Uint8Array, functionary: Signer) {
    this.name = name;
    this.url = url;
    this.root = root;
    this.functionary = functionary;
  }

  /** Creates it through the HTTP API, with a token that the CLI makes. */
  static async create(service: RunningService, options: LiveDomainOptions = {}): Promise<LiveDomain> {
    const { token } = await stemmaJson<{ token: string }>(
      ["token", "new", "--name", "test", "--scope", "domain:create"],
      { STEMMA_DATA_DIR: service.dataDirectory },
    );
    const announced = (await (await fetch(`${service.url}/v1/online-keys`)).json()) as {
      keys: { key: unknown }[];
    };
    const online = { keys: [readPublicKey(fromPlain(announced.keys[0]?.key), "key")], threshold: 1 };
    const functionary = newSigner();
    const owner = options.ownerPem === undefined ? newSigner() : signerFromPem(options.ownerPem);
    const owners = { keys: [owner.publicKey], threshold: 1 };
    const expires = days(new Date(), 80);

    const layout = await signLayout(
      {
        expires,
        steps: [
          {
            name: "build",
            threshold: 1,
            functionaries: [functionary.publicKey],
            expectedProducts: [
              ["CREATE", "*"],
              ["DISALLOW", "*"],
            ],
          },
          ...(options.steps ?? []),
        ],
      },
      [owner],
    );
    const root = await signPayload(
      rootPayload({
        version: 1,
        expires,
        roles: { root: owners, targets: owners, timestamp: online, snapshot: online },
      }),
      [owner],
    );
    const targets = targetsPayload({
      version: 1,
      expires,
      delegations: {
        roles: [
          { name: "app", ...owners, terminating: true, paths: [projectPaths("app")] },
          { name: "artifacts", ...online, terminating: true, paths: ["sha256/*", "sha512/*"] },
        ],
      },
    });
    const files = new Map([[layoutPath("app"), layout]]);
    if (options.trustedRoot !== undefined) files.set(trustedRootPath("app"), options.trustedRoot);
    const project = targetsPayload({
      version: 1,
      expires: days(new Date(), 28),
      targets: new Map(
        [...files].map(([path, bytes]) => [
          path,
          { length: bytes.length, hashes: new Map([["sha256", sha256(bytes)]]), custom: undefined },
        ]),
      ),
    });
    const domain = new LiveDomain(options.name ?? "live", service.url, root, functionary);
    await domain.post(
      "/v1/domains?wait=published",
      {
        name: domain.name,
        metadata: [
          { role: "root", bytes: encodeBase64(root) },
          { role: "targets", bytes: encodeBase64(await signPayload(targets, [owner])) },
          { role: "app", bytes: encodeBase64(await signPayload(project, [owner])) },
        ],
        files: [...files.values()].map(encodeBase64),
      },
      token,
    );
    return domain;
  }

  /** A digest and a signed link that makes it, ready to be recorded. */
  async link(name: string): Promise<{ readonly digest: Digest; readonly link: Uint8Array }> {
    const digest = digestOf(utf8(name));
    return { digest, link: await this.linkTo(digest) };
  }

  /** A signed link that makes this artifact. */
  linkTo(digest: Digest, format?: EnvelopeFormat): Promise<Uint8Array> {
    const products = artifacts({ artifact: digest });
    const link = { name: "build", command: ["build"], materials: new Map(), products };
    return signLink(link, [this.functionary], format);
  }

  /** A layout by which the functionary of `build` has that step done by a step `compile` of somebody else. */
  sublayout(compiler: Signer): Promise<Uint8Array> {
    const steps = [{ name: "compile", threshold: 1, functionaries: [compiler.publicKey] }];
    return signLayout({ expires: days(new Date(), 28), steps }, [this.functionary], "metablock");
  }

  /** Records a link; with `wait`, the answer comes when clients can see it. */
  async record(item: { readonly digest: Digest; readonly link: Uint8Array }, wait = true): Promise<unknown> {
    const recorded = { digest: item.digest, mediaType: "application/octet-stream", size: 10 };
    return this.recordAll(recorded, [item.link], wait);
  }

  /** Records evidence of any kind. */
  async recordAll(
    { digest, ...descriptor }: Recorded,
    evidence: readonly Uint8Array[],
    wait = true,
  ): Promise<unknown> {
    const query = wait ? "?wait=published" : "";
    return this.post(`/v1/domains/${this.name}/artifacts/${digest}${query}`, {
      descriptor,
      project: "app",
      evidence: evidence.map(encodeBase64),
    });
  }

  private async post(path: string, body: unknown, token?: string): Promise<unknown> {
    const response = await fetch(this.url + path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}
