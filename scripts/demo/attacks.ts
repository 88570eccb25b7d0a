import { readFile, writeFile } from "node:fs/promises";
import { type Signer, sha256, signerFromFile } from "@stemma/crypto";
import {
  asArray,
  asObject,
  parseDigest,
  parseJson,
  recordPath,
  type Sha256Hex,
  writeJson,
} from "@stemma/encoding";
import { readEnvelope, signPayload as signEvidence } from "@stemma/in-toto";
import { recordTarget } from "@stemma/lineage";
import { folderStore } from "@stemma/oci";
import {
  binName,
  decodeSnapshot,
  decodeTargets,
  decodeTimestamp,
  signPayload,
  snapshotPayload,
  targetsPayload,
  timestampPayload,
} from "@stemma/tuf";
import type { Mirror } from "../../test/support/mirror.ts";
import type { Said, Stage } from "./stage.ts";
import type { Release } from "./story.ts";

/** One attack, and the code with which it must be refused. */
export interface Attack {
  readonly title: string;
  readonly code: string;
  /** Carries the attack out and answers what the command said that was to be fooled. */
  readonly run: () => Promise<Said>;
}

/** Step 6: what an attacker, a mirror, a registry or a thief of the online keys may try. */
export function attacks(
  stage: Stage,
  release: Release,
  places: { readonly b: string },
  mirror: Mirror,
): readonly Attack[] {
  const verify = (what: string, ...more: string[]) =>
    stage.run(["verify", what, "--root", release.rootFile, "--project", "stemma", "--json", ...more]);
  const throughMirror = ["--server", mirror.url];

  return [
    {
      title: "registry B changes a layer",
      code: "blob_digest_mismatch",
      run: async () => {
        const image = await folderStore(release.image).findDocument(release.imageDigest);
        const layer = (image?.kind === "manifest" && image.layers[0]?.digest) || "";
        const truth = stage.registryB.blobs.get(layer) as Uint8Array;
        stage.registryB.blobs.set(layer, flipped(truth));
        const said = await verify(`oci:${places.b}`, "--plain-http");
        stage.registryB.blobs.set(layer, truth);
        return said;
      },
    },
    {
      title: "a mirror withholds the link of the build",
      code: "evidence_missing",
      run: async () => {
        const withheld = sha256(await readFile(release.links[1] as string));
        mirror.lie = (path) => (path.endsWith(withheld) ? "missing" : undefined);
        return verify(release.imageDigest, ...throughMirror);
      },
    },
    {
      title: "a stranger, whom the layout does not name, signs the link of the build",
      code: "functionary_not_authorized",
      run: async () => {
        const link = await resign(stage, release.links[1] as string, "stranger", "forged-build.link");
        const other = stage.path("strangers-artifact");
        await writeFile(other, "made by a stranger");
        return stage.run(["record", other, "--project", "stemma", "--evidence", link, "--json"]);
      },
    },
    {
      title: "one functionary signs twice, under two key ids, where two must",
      code: "threshold_not_met",
      run: async () => {
        const link = await signTwice(stage, release.links[2] as string);
        const evidence = [...release.links.slice(0, 2), link];
        await stage.stemma(
          "record",
          release.tarball,
          "--project",
          "two-packagers",
          "--evidence",
          ...evidence,
        );
        return stage.run([
          "verify",
          release.tarball,
          "--root",
          release.rootFile,
          "--project",
          "two-packagers",
          "--json",
        ]);
      },
    },
    {
      title: "the links of the release are recorded for another artifact",
      code: "product_mismatch",
      run: async () => {
        const other = stage.path("other-artifact");
        await writeFile(other, "not what those links are about");
        await stage.stemma("record", other, "--project", "stemma", "--evidence", ...release.links);
        return verify(other);
      },
    },
    {
      title: "a mirror rolls the metadata back to what it was an hour ago",
      code: "rollback",
      run: async () => {
        const old = await fetchBytes(`${stage.server}/example/metadata/timestamp.json`);
        const fresh = stage.path("fresh-artifact");
        await writeFile(fresh, "something new, so that a new timestamp is published");
        await stage.stemma("record", fresh, "--project", "stemma", "--evidence", ...release.links);
        mirror.lie = () => undefined;
        await verify(release.imageDigest, ...throughMirror);
        mirror.lie = (path) => (path.endsWith("/timestamp.json") ? old : undefined);
        return verify(release.imageDigest, ...throughMirror);
      },
    },
    {
      title: "a mirror freezes the metadata; a week goes by",
      code: "expired",
      run: () => {
        mirror.lie = () => undefined;
        const later = new Date(Date.now() + 7 * 86_400_000).toISOString().replace(/\.\d+Z$/, "Z");
        return verify(release.imageDigest, ...throughMirror, "--at", later);
      },
    },
    {
      title: "the project's owners revoked the tarball",
      code: "artifact_revoked",
      run: async () => {
        const { ceremony } = await stage.stemmaJson<{ ceremony: string }>(
          ...[
            "revoke",
            release.tarballDigest,
            "--project",
            "stemma",
            "--reason",
            "built with a bad compiler",
          ],
          ...["--key", stage.key("owner-a")],
        );
        await stage.stemma("sign", "--ceremony", ceremony, "--key", stage.key("owner-b"));
        return verify(release.tarball);
      },
    },
    {
      title: "a thief of server and online keys vouches for a digest of his own",
      code: "functionary_not_authorized",
      run: async () => {
        const evil = stage.path("evil-artifact");
        await writeFile(evil, "malware");
        mirror.lie = await takeOver(stage, release, parseDigest(`sha256:${sha256(await readFile(evil))}`));
        // In a cache of its own: after the thief's timestamp, the true one would be a rollback, and rightly so.
        const args = [
          "verify",
          evil,
          "--root",
          release.rootFile,
          "--project",
          "stemma",
          "--json",
          ...throughMirror,
        ];
        return stage.run(args, { STEMMA_CACHE: stage.path("victim") });
      },
    },
  ];
}

function flipped(bytes: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[changed.length >> 1] = (changed[changed.length >> 1] ?? 0) ^ 1;
  return changed;
}

async function fetchBytes(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`);
  return Buffer.from(await response.arrayBuffer());
}

/** The same link, signed by somebody else only. */
async function resign(stage: Stage, link: string, signer: string, name: string): Promise<string> {
  const envelope = new Map(asObject(parseJson(await readFile(link)), "link"));
  envelope.set("signatures", []);
  const path = stage.path(name);
  await writeFile(path, writeJson(envelope));
  await stage.stemma("sign", path, "--key", stage.key(signer), "--any-key");
  return path;
}

/** A link with one functionary's signature twice: under its own key id, and under the id of the second packager. */
async function signTwice(stage: Stage, link: string): Promise<string> {
  const envelope = new Map(asObject(parseJson(await readFile(link)), "link"));
  const [signature] = asArray(envelope.get("signatures"), "signatures");
  const { keyId } = (await signerFromFile(stage.key("package-2"), "correct horse battery staple")).publicKey;
  const again = new Map(asObject(signature, "signature")).set("keyid", keyId);
  envelope.set("signatures", [signature ?? null, again]);
  const path = stage.path("signed-twice.link");
  await writeFile(path, writeJson(envelope));
  return path;
}

/**
 * What whoever has the server and its online keys can do: properly signed metadata with a record of any digest, and
 * links for it that say whatever he likes. What he cannot do is sign those links as the functionaries.
 */
async function takeOver(
  stage: Stage,
  release: Release,
  digest: ReturnType<typeof parseDigest>,
): Promise<Mirror["lie"]> {
  const secrets = stage.path("data", "signer");
  const passphrase = (await readFile(`${secrets}/passphrase`, "utf8")).trim();
  const online: Signer = await signerFromFile(`${secrets}/online-key.pem`, passphrase);
  const at = (name: string) => fetchBytes(`${stage.server}/example/metadata/${name}.json`);

  const timestamp = decodeTimestamp(await at("timestamp")).signed;
  const snapshot = decodeSnapshot(await at(`${timestamp.snapshot.version}.snapshot`)).signed;
  const version = (role: string): number => snapshot.meta.get(role)?.version ?? 0;
  const artifacts = decodeTargets(await at(`${version("artifacts")}.artifacts`)).signed;
  const ring = artifacts.delegations?.succinct;
  if (ring === undefined) throw new Error("The trust domain has no bins.");
  const bin = binName(ring, recordPath(digest));

  const forged: Uint8Array[] = [];
  for (const link of release.links) forged.push(await forge(stage, link, digest));
  const record = recordTarget({
    digest,
    size: 7,
    mediaType: "application/octet-stream",
    artifactType: undefined,
    projects: ["stemma"],
    evidence: forged
      .map((bytes) => ({ sha256: sha256(bytes), length: bytes.length }))
      .sort((a, b) => (a.sha256 < b.sha256 ? -1 : 1)),
  });
  const expires = new Date(Date.now() + 86_400_000);
  const next = snapshot.version + 1;
  const sign = (payload: Parameters<typeof signPayload>[0]) => signPayload(payload, [online]);
  const lies = new Map<string, Uint8Array>([
    [
      `/${version(bin) + 1}.${bin}.json`,
      await sign(
        targetsPayload({
          version: version(bin) + 1,
          expires,
          targets: new Map([[recordPath(digest), record]]),
        }),
      ),
    ],
    [
      `/${next}.snapshot.json`,
      await sign(
        snapshotPayload({
          version: next,
          expires,
          meta: new Map([...snapshot.meta, [bin, { version: version(bin) + 1 }]]),
        }),
      ),
    ],
    [
      "/timestamp.json",
      await sign(timestampPayload({ version: timestamp.version + 1, expires, snapshotVersion: next })),
    ],
  ]);
  for (const bytes of forged) lies.set(`/evidence/${sha256(bytes) satisfies Sha256Hex}`, bytes);
  return (path) => [...lies].find(([end]) => path.endsWith(end))?.[1];
}

/** A link that names the thief's digest as its product, signed by the only key that he has besides. */
async function forge(stage: Stage, link: string, digest: string): Promise<Uint8Array> {
  const thief = await signerFromFile(stage.key("stranger"), "correct horse battery staple");
  const payload = new Map(readEnvelope(await readFile(link)).payload);
  if (payload.get("name") === "package") {
    const products = new Map(asObject(payload.get("products"), "products"));
    products.set("dist/release/evil", new Map([["sha256", digest.slice("sha256:".length)]]));
    payload.set("products", products);
  }
  return signEvidence(payload, [thief]);
}
