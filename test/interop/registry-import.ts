/**
 * What stock cosign has attached to an index and its images in a real registry, in its old form and in its new one, is put
 * on record by `stemma record --from-registry`. Then the registry goes away, and stock cosign verifies the same images with
 * what the façade of a registry hands out. cosign and CNCF's registry are on the PATH.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { publicKeyFromPem } from "@stemma/crypto";
import { type ContentStore, type Document, registryStore } from "@stemma/oci";
import { freePort } from "@stemma/store";
import { makeImage, makeIndex, put } from "../support/artifacts.ts";
import { LiveDomain } from "../support/live-domain.ts";
import { startService, stemmaJson } from "../support/service.ts";
import { MockSigstore } from "../support/sigstore.ts";
import { type Case, runCases, runTool } from "./stock-tools.ts";

const TESTED = "https://example.com/tested/v1";
/** What cosign 3 states when it signs an image. */
const SIGNED = "https://sigstore.dev/cosign/sign/v1";

/** Neither a log nor timestamps: nothing outside of this machine is asked. */
const SIGNING_CONFIG = JSON.stringify({
  mediaType: "application/vnd.dev.sigstore.signingconfig.v0.2+json",
  rekorTlogConfig: {},
  tsaConfig: {},
});

interface Report {
  readonly subjects: readonly {
    readonly digest: string;
    readonly items: readonly { readonly outcome: string; readonly kind: string; readonly place: string }[];
  }[];
}

const service = await startService();
const folder = join(service.dataDirectory, "interop");
const file = (name: string): string => join(folder, name);
const host = `127.0.0.1:${await freePort()}`;
const repository = `${host}/team/app`;
let registry: ChildProcess | undefined;
try {
  await mkdir(folder);
  registry = await startRegistry();
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  registry?.kill();
  await service.stop();
}

async function run(): Promise<boolean> {
  await writeFile(file("trusted_root.json"), (await MockSigstore.create()).trustedRoot());
  await writeFile(file("predicate.json"), JSON.stringify({ by: "somebody" }));
  await writeFile(file("signing_config.json"), SIGNING_CONFIG);
  for (const name of ["functionary", "stranger"])
    await cosign("generate-key-pair", "--output-key-prefix", name);
  const key = publicKeyFromPem(await readFile(file("functionary.pub"), "utf8"));
  const domain = await LiveDomain.create(service, {
    steps: [TESTED, SIGNED].map((predicateType, at) => ({
      name: `step-${at}`,
      functionaries: [],
      threshold: 1,
      expectedPredicates: [{ predicateType, functionaries: [key], threshold: 1 }],
    })),
  });

  const { index, image } = await pushImages();
  const bundles = [
    "--signing-config",
    file("signing_config.json"),
    "--trusted-root",
    file("trusted_root.json"),
  ];
  const tags = ["--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"];
  for (const [name, of, how] of [
    ["functionary", index, bundles],
    ["functionary", image, bundles],
    ["stranger", index, bundles],
    ["functionary", image, tags],
  ] as const) {
    const target = [
      "--key",
      file(`${name}.key`),
      "--allow-http-registry",
      "--yes",
      `${repository}@${of.digest}`,
    ];
    await cosign("attest", "--type", TESTED, "--predicate", file("predicate.json"), ...how, ...target);
    await cosign("sign", ...how, ...target);
  }

  const report = await stemmaJson<Report>(
    ["record", "--from-registry", `${repository}:1.0`, "--plain-http", "--project", "app"],
    { STEMMA_SERVER: service.url, STEMMA_DOMAIN: domain.name },
  );
  registry?.kill();
  const recorded = compare(report, index, image);
  const facade = `${new URL(service.url).host}/${domain.name}`;
  return (await runCases(casesOf(facade, index, image), folder)) && recorded;
}

/** What the report has to say of each of the two, in the order of the alphabet. */
function compare(report: Report, index: Document, image: Document): boolean {
  const bundle = "recorded: sigstore-bundle, referrer";
  const refused = "refused: sigstore-bundle, referrer";
  const expected = [
    ["the index", index, [bundle, bundle, refused, refused]],
    [
      "one of its images",
      image,
      ["not judged: cosign-signature, tag .sig", "recorded: dsse, tag .att", bundle, bundle],
    ],
  ] as const;
  let good = true;
  for (const [name, { digest }, lines] of expected) {
    const items = report.subjects.find((subject) => subject.digest === digest)?.items ?? [];
    const said = items.map(({ outcome, kind, place }) => `${outcome}: ${kind}, ${place}`).sort();
    const same = JSON.stringify(said) === JSON.stringify(lines);
    good &&= same;
    process.stdout.write(`${same ? "ok" : "FAILED"}  what cosign attached to ${name}: ${said.join("; ")}\n`);
  }
  return good;
}

function casesOf(facade: string, index: Document, image: Document): readonly Case[] {
  const environment = { COSIGN_REPOSITORY: facade };
  const offline = [
    "--trusted-root",
    file("trusted_root.json"),
    "--allow-http-registry",
    "--insecure-ignore-tlog",
  ];
  const key = (name: string) => ["--key", file(`${name}.pub`)];
  const says = ["The cosign claims were validated"];
  return [
    ...(
      [
        ["index", index],
        ["image", image],
      ] as const
    ).flatMap(([name, { digest }]): Case[] => [
      {
        name: `cosign verify of the ${name}, whose registry is gone`,
        command: ["cosign", "verify", ...key("functionary"), ...offline, `${repository}@${digest}`],
        environment,
        says,
      },
      {
        name: `cosign verify-attestation of the ${name}`,
        command: [
          ...["cosign", "verify-attestation", "--type", TESTED, ...key("functionary"), ...offline],
          `${repository}@${digest}`,
        ],
        environment,
        says,
      },
    ]),
    {
      name: "what the service refused is not there for anybody",
      command: ["cosign", "verify", ...key("stranger"), ...offline, `${repository}@${index.digest}`],
      environment,
      refuses: "no matching attestations",
    },
    {
      name: "without the façade there is nothing left to verify with",
      command: ["cosign", "verify", ...key("functionary"), ...offline, `${repository}@${index.digest}`],
      refuses: "connection refused",
    },
  ];
}

async function pushImages(): Promise<{ index: Document; image: Document }> {
  const store: ContentStore = registryStore({ host, repository: "team/app" }, { plainHttp: true });
  const images = [makeImage("amd64"), makeImage("arm64")] as const;
  for (const image of images) await put(store, image);
  const index = makeIndex(images);
  await store.writeDocument(index, { tag: "1.0" });
  return { index, image: images[0].document };
}

async function cosign(...args: readonly string[]): Promise<void> {
  const { code, text } = await runTool(
    { command: ["cosign", ...args], environment: { COSIGN_PASSWORD: "" } },
    folder,
  );
  if (code !== 0) throw new Error(`cosign ${args.join(" ")} ended with ${code}:\n${text}`);
}

async function startRegistry(): Promise<ChildProcess> {
  const config = `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${file("registry")} } }\nhttp: { addr: "${host}" }\n`;
  await writeFile(file("registry.yml"), config);
  const child = spawn("registry", ["serve", file("registry.yml")], { stdio: "ignore" });
  for (let attempt = 1; ; attempt += 1) {
    const answer = await fetch(`http://${host}/v2/`).catch(() => undefined);
    if (answer?.ok === true) return child;
    if (attempt === 100 || child.exitCode !== null) throw new Error("The registry did not start.");
    await pause(100);
  }
}
