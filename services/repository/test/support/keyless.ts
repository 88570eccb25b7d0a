import { sha256 } from "@stemma/crypto";
import { asObject, encodeBase64, fromPlain, parseDigest, utf8 } from "@stemma/encoding";
import { keylessKey, PAYLOAD_TYPE, PREDICATES_VERSION, signPayload } from "@stemma/in-toto";
import { layoutPath, TRUSTED_ROOT, trustedRootPath } from "@stemma/lineage";
import { MockSigstore } from "../../../../test/support/sigstore.ts";
import type { People } from "./people.ts";
import type { Reply, World } from "./world.ts";

export const ARTIFACT = utf8("an artifact made in CI");
export const DIGEST = parseDigest(`sha256:${sha256(ARTIFACT)}`);
const REVIEW = "https://example.com/review/v1";

/** A statement about the artifact; another `by` makes another one. */
export const statement = (by = "a workflow"): Uint8Array =>
  utf8(
    JSON.stringify({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "app", digest: { sha256: DIGEST.slice(7) } }],
      predicateType: REVIEW,
      predicate: { by },
    }),
  );

/** Where a trusted root is published. */
export type Place = "domain" | "project" | "nowhere";

/** A Sigstore in memory, and domains whose project expects attestations by its identity. */
export class Keyless {
  readonly world: World;
  readonly sigstore: MockSigstore;

  private constructor(world: World, sigstore: MockSigstore) {
    this.world = world;
    this.sigstore = sigstore;
  }

  static async create(world: World): Promise<Keyless> {
    return new Keyless(world, await MockSigstore.create());
  }

  /** One step, attested by one Sigstore identity. */
  async layout(people: People): Promise<Uint8Array> {
    const { keyId, json } = keylessKey(this.sigstore.issuer, this.sigstore.identity);
    const payload = fromPlain({
      _type: "layout",
      expires: "2034-12-31T00:00:00Z",
      readme: "",
      keys: { [keyId]: json },
      inspect: [],
      expected_predicates_version: PREDICATES_VERSION,
      steps: [
        {
          _type: "step",
          name: "build",
          threshold: 1,
          pubkeys: [],
          expected_materials: [],
          expected_products: [["ALLOW", "*"]],
          expected_command: [],
          expected_predicates: [{ predicateType: REVIEW, functionaries: [keyId], threshold: 1 }],
        },
      ],
    });
    return signPayload(asObject(payload, "layout"), people.owners);
  }

  /** A domain whose project expects keyless attestations, with the trusted root where `place` says. */
  async createDomain(place: Place): Promise<{ name: string; people: People }> {
    const { name, people } = await this.world.createDomain({ project: false });
    const trustedRoot = this.sigstore.trustedRoot();
    const signed = await this.layout(people);
    const files = new Map([[layoutPath("app"), signed]]);
    if (place === "project") files.set(trustedRootPath("app"), trustedRoot);
    const metadata = [await people.projectDocument(1, files)];
    if (place === "domain") {
      metadata.push(await people.targetsDocument(2, { files: new Map([[TRUSTED_ROOT, trustedRoot]]) }));
    }
    const reply = await this.world.post(`/v1/domains/${name}/metadata?wait=published`, {
      metadata,
      files: [signed, ...(place === "nowhere" ? [] : [trustedRoot])].map((bytes) => encodeBase64(bytes)),
    });
    if (reply.status !== 201) throw new Error(`The layout was not published: ${reply.bytes.toString()}`);
    return { name, people };
  }

  /** A bundle by the identity that the layout names. */
  sign(bytes: Uint8Array = statement(), identity = this.sigstore.identity): Promise<Uint8Array> {
    return this.sigstore.sign(bytes, PAYLOAD_TYPE, { identity });
  }

  record(domain: string, ...evidence: readonly Uint8Array[]): Promise<Reply> {
    return this.world.post(`/v1/domains/${domain}/artifacts/${DIGEST}?wait=published`, {
      descriptor: { mediaType: "application/octet-stream", size: ARTIFACT.length },
      project: "app",
      evidence: evidence.map((bytes) => encodeBase64(bytes)),
    });
  }
}
