/** Stemma's side: makes what a plan asks for, spoils what anybody made, and verifies it. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  asKeyId,
  type CertificateConstraint,
  type KeyId,
  type PublicKey,
  publicKeyFromPem,
  type Signer,
  sha256,
  signerFromPem,
} from "@stemma/crypto";
import {
  asObject,
  decodeBase64,
  decodeUtf8,
  encodeBase64,
  fromPlain,
  type JsonObject,
  parseDigest,
  parseJson,
  type Sha256Hex,
  utf8,
  writeJson,
} from "@stemma/encoding";
import { signPayload, verifyLayout, writeLayout, writeLink } from "@stemma/in-toto";
import type {
  Case,
  CertificatePlan,
  Digests,
  EvidencePlan,
  Format,
  Ids,
  LayoutPlan,
  Plan,
} from "./in-toto-plan.ts";

// biome-ignore lint/suspicious/noExplicitAny: the documents are changed at will.
type Loose = any;

export interface Result {
  readonly name: string;
  readonly ok: boolean;
  readonly why: string;
}

/** The keys of a plan, by the names of their holders. */
export class Keys {
  readonly #folder: string;
  readonly #plan: Plan;

  constructor(folder: string, plan: Plan) {
    this.#folder = folder;
    this.#plan = plan;
  }

  async publicKey(name: string): Promise<PublicKey> {
    return publicKeyFromPem(await readFile(join(this.#folder, `${name}.pub`), "utf8"));
  }

  async signer(name: string): Promise<Signer> {
    return signerFromPem(await readFile(join(this.#folder, `${name}.pem`), "utf8"));
  }

  id(name: string, ids: Ids): KeyId {
    return asKeyId(this.#plan.keys[name]?.[ids] ?? "", name);
  }

  /** The same text with every key id of present in-toto replaced by the older one. */
  relabel(text: string, ids: Ids): string {
    if (ids === "modern") return text;
    return Object.values(this.#plan.keys).reduce((all, key) => all.replaceAll(key.modern, key[ids]), text);
  }

  certificate(name: string): Promise<string> {
    return readFile(join(this.#folder, `${name}.crt`), "utf8");
  }

  hasCertificate(name: string): boolean {
    return existsSync(join(this.#folder, `${name}.crt`));
  }
}

export const fileOf = (step: string, keyId: string): string => `${step}.${keyId.slice(0, 8)}.link`;

const digestMaps = (digests: Digests): Map<string, Map<string, string>> =>
  new Map(Object.entries(digests).map(([name, values]) => [name, new Map(Object.entries(values))]));

function constraintOf({ constraint }: CertificatePlan): Partial<CertificateConstraint> {
  const { common_name: commonName, dns_names: dnsNames, ...others } = constraint as Loose;
  return { commonName, dnsNames, ...others };
}

/** Makes every case of a plan, each in a folder of its own. */
export class Maker {
  readonly #keys: Keys;

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  async make(folder: string, item: Case): Promise<void> {
    await this.#makeEvidence(folder, item.evidence, item);
    const payload = await this.layoutPayload(item.layout, item);
    await writeFile(
      join(folder, "root.layout"),
      await this.#sign(payload, item.layoutFormat, item.signers ?? item.owners, item.ids),
    );
  }

  async #makeEvidence(folder: string, evidence: readonly EvidencePlan[], item: Case): Promise<void> {
    await mkdir(folder, { recursive: true });
    for (const piece of evidence) {
      const payload =
        piece.layout === undefined ? this.linkPayload(piece) : await this.layoutPayload(piece.layout, item);
      const bytes = await this.#sign(payload, item.linkFormat, piece.by, item.ids);
      for (const person of piece.by) {
        const keyId = this.#keys.id(person, item.ids);
        await writeFile(join(folder, fileOf(piece.step, keyId)), bytes);
        const inner = join(folder, `${piece.step}.${keyId.slice(0, 8)}`);
        if (piece.evidence !== undefined) await this.#makeEvidence(inner, piece.evidence, item);
      }
    }
  }

  linkPayload({ step, link }: EvidencePlan): JsonObject {
    if (link === undefined) throw new Error(`The evidence for ${step} has no content.`);
    return writeLink({
      name: step,
      command: link.command,
      materials: digestMaps(link.materials),
      products: digestMaps(link.products),
      byproducts: asObject(fromPlain(link.byproducts), "byproducts"),
      environment: asObject(fromPlain(link.environment), "environment"),
    });
  }

  async layoutPayload(plan: LayoutPlan, { ids, certificate }: Case): Promise<JsonObject> {
    const steps = await Promise.all(
      plan.steps.map(async (step) => ({
        name: step.name,
        threshold: step.threshold,
        functionaries: await Promise.all(step.functionaries.map((name) => this.#keys.publicKey(name))),
        expectedMaterials: step.materials,
        expectedProducts: step.products,
        expectedCommand: step.command,
        constraints: certificate?.step === step.name ? [constraintOf(certificate)] : [],
      })),
    );
    const payload = writeLayout({
      expires: new Date(plan.expires),
      readme: plan.readme,
      steps,
      authorities: {
        roots: await this.#authorities(certificate?.roots ?? []),
        intermediates: await this.#authorities(certificate?.intermediates ?? []),
      },
    });
    const text = this.#keys.relabel(decodeUtf8(writeJson(payload)), ids);
    return asObject(parseJson(utf8(text)), "layout");
  }

  async #authorities(names: readonly string[]): Promise<Record<string, string>> {
    return Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await this.#keys.certificate(name)] as const)),
    );
  }

  async #sign(payload: JsonObject, format: Format, people: readonly string[], ids: Ids): Promise<Uint8Array> {
    const signers = await Promise.all(people.map((name) => this.#keys.signer(name)));
    const bytes = await signPayload(payload, signers, format);
    const envelope = asObject(parseJson(bytes), "envelope");
    const signatures = await Promise.all(
      people.map(async (name, index) => {
        const signature = asObject((envelope.get("signatures") as readonly JsonObject[])[index], "signature");
        return new Map([
          ...signature,
          ["keyid", this.#keys.id(name, ids)] as const,
          ...(this.#keys.hasCertificate(name) ? [["cert", await this.#keys.certificate(name)] as const] : []),
        ]);
      }),
    );
    return writeJson(new Map([...envelope, ["signatures", signatures]]));
  }
}

/** Does to the documents of a case what a stranger could do. */
export async function spoil(folder: string, item: Case, keys: Keys): Promise<void> {
  const { spoil: wanted, ids } = item;
  if (wanted === undefined) return;
  const fileBy = (person: string | undefined): string =>
    join(folder, wanted.step === undefined ? "root.layout" : fileOf(wanted.step, keys.id(person ?? "", ids)));
  if (wanted.kind === "remove") {
    await rm(fileBy(wanted.by));
    return;
  }
  const { from = "", to = "" } = wanted;
  if (wanted.kind === "replace") {
    const file = fileBy(wanted.by);
    const text = await readFile(file, "utf8");
    const changed = inPayload(text, (payload) => payload.replaceAll(from, to));
    if (changed === text) throw new Error(`${item.name}: ${from} is not in ${file}`);
    await writeFile(file, changed);
    return;
  }
  const text = await readFile(fileBy(from), "utf8");
  await rm(fileBy(from));
  await writeFile(fileBy(to), text.replaceAll(keys.id(from, ids), keys.id(to, ids)));
}

/** Changes the payload of an envelope and leaves its signatures as they are. */
function inPayload(text: string, change: (payload: string) => string): string {
  const document = JSON.parse(text);
  if (!("payload" in document)) return change(text);
  const payload = change(decodeUtf8(decodeBase64(document.payload)));
  return JSON.stringify({ ...document, payload: encodeBase64(utf8(payload)) });
}

/** Verifies a case, with all its links and sublayouts as one pool of evidence. */
export async function verify(folder: string, item: Case, keys: Keys, threshold?: number): Promise<Result> {
  const owners = new Map(
    await Promise.all(
      item.owners.map(async (name) => [keys.id(name, item.ids), await keys.publicKey(name)] as const),
    ),
  );
  const evidence = new Map<Sha256Hex, Uint8Array>();
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".link")) continue;
    const bytes = new Uint8Array(await readFile(join(folder, name)));
    evidence.set(sha256(bytes), bytes);
  }
  const verdict = verifyLayout({
    layoutEnvelope: new Uint8Array(await readFile(join(folder, "root.layout"))),
    owners: { keys: owners, threshold: threshold ?? owners.size },
    evidence,
    digest: parseDigest(`sha256:${item.digest}`),
    time: new Date(),
    ...(item.parameters === undefined ? {} : { parameters: new Map(Object.entries(item.parameters)) }),
  });
  const why = verdict.reasons.map(({ code, message }) => `${code}: ${message}`).join("; ");
  return { name: item.name, ok: verdict.ok, why };
}

/** Writes the keys and the plan for the others to read. */
export async function writePlan(path: string, plan: Plan, folders: readonly string[]): Promise<void> {
  const cases = plan.cases.map((item, index) => ({ folder: folders[index], ...item }));
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, writeJson(fromPlain({ keys: plan.keys, cases })));
}
