import { writeFile } from "node:fs/promises";
import { type Signer, sha256 } from "@stemma/crypto";
import { type Digest, fromPlain, parseDigest } from "@stemma/encoding";
import { signLink, signPayload, writeLayout } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import { bundleFile } from "../../../../test/support/bundle.ts";
import { DomainFixture, newSigner } from "../../../../test/support/domain.ts";
import type { Desk, Said } from "./command-line.ts";

/** An inspection as a layout has it. */
export interface InspectionContent {
  readonly name: string;
  readonly run: readonly string[];
  readonly materials?: readonly (readonly string[])[];
  readonly products?: readonly (readonly string[])[];
}

/** What is recorded on a desk: files of a source step, and the artifact that the last step makes of them. */
export interface ProjectContent {
  /** sha256 in hex of what the step `source` made, by name. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Name of the artifact in the link of the last step. */
  readonly product?: string;
  readonly artifact: Uint8Array;
  readonly inspections: readonly InspectionContent[];
}

/** A trust domain on a desk: a pinned root, and a bundle for offline verification of one artifact. */
export class ProjectDesk {
  readonly desk: Desk;
  readonly domain: DomainFixture;
  readonly digest: Digest;

  private constructor(desk: Desk, domain: DomainFixture, digest: Digest) {
    this.desk = desk;
    this.domain = domain;
    this.digest = digest;
  }

  static async create(desk: Desk, content: ProjectContent): Promise<ProjectDesk> {
    const domain = await DomainFixture.create();
    const digest = parseDigest(`sha256:${sha256(content.artifact)}`);
    const [source, pack] = [newSigner(), newSigner()];
    await domain.setProjectFile(layoutPath("app"), await signedLayout(domain, source, pack, content));
    const made = new Map(
      Object.entries(content.sources ?? {}).map(([name, hex]) => [name, new Map([["sha256", hex]])]),
    );
    const products = new Map([[content.product ?? "app.tgz", new Map([["sha256", digest.slice(7)]])]]);
    await domain.record(digest, content.artifact.length, [
      await signLink({ name: "source", command: [], materials: new Map(), products: made }, [source]),
      await signLink({ name: "package", command: [], materials: made, products }, [pack]),
    ]);
    await domain.publish();
    const at = new ProjectDesk(desk, domain, digest);
    await writeFile(desk.path("root.json"), domain.root);
    await writeFile(desk.path("all.bundle"), await bundleFile(domain, digest));
    await writeFile(desk.path("app.tgz"), content.artifact);
    return at;
  }

  /** Verifies with the bundle alone, at the domain's own time. */
  verify(what: string, ...more: readonly string[]): Promise<Said> {
    const time = this.domain.now.toISOString();
    const args = ["verify", what, "--root", "root.json", "--bundle", "all.bundle", "--project", "app"];
    return this.desk.stemma([...args, "--at", time, "--json", ...more]);
  }
}

async function signedLayout(
  domain: DomainFixture,
  source: Signer,
  pack: Signer,
  { inspections }: ProjectContent,
): Promise<Uint8Array> {
  const [first, second] = [source, pack].map(({ publicKey }) => [publicKey]);
  const payload = new Map(
    writeLayout({
      expires: new Date(domain.now.getTime() + 30 * 86_400_000),
      steps: [
        { name: "source", threshold: 1, functionaries: first ?? [] },
        { name: "package", threshold: 1, functionaries: second ?? [] },
      ],
    }),
  );
  payload.set(
    "inspect",
    inspections.map(({ name, run, materials = [], products = [] }) =>
      fromPlain({
        _type: "inspection",
        name,
        run,
        expected_materials: materials,
        expected_products: products,
      }),
    ),
  );
  return signPayload(payload, domain.owners);
}
