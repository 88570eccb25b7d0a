import { type Digest, parseDigest } from "@stemma/encoding";
import { type Descriptor, MANIFEST_TYPES, readDocument } from "@stemma/image";
import type { BlobName, BlobOutcome, BlobReader, ContentStore, Document } from "./content-store.ts";
import { download } from "./download.ts";
import { OciError } from "./error.ts";
import { discard } from "./exchange.ts";
import { type Reference, referrersTag } from "./reference.ts";
import { entriesOf, listByApi, ofType, withReferrer } from "./referrers.ts";
import { type RegistryOptions, Transport } from "./transport.ts";
import { upload } from "./upload.ts";
import { documentOf, readManifestBytes, verified } from "./verified.ts";

/** One repository of one registry (OCI distribution 1.1). Nothing is asked of it before it is used. */
export function registryStore(
  reference: Pick<Reference, "host" | "repository">,
  options: RegistryOptions = {},
): ContentStore {
  return new RegistryStore(reference, options);
}

class RegistryStore implements ContentStore {
  readonly sequential = false;
  private readonly transport: Transport;
  /** Changes of the tags that list referrers, one after the other: each reads before it writes. */
  private lists: Promise<void> = Promise.resolve();

  constructor(reference: Pick<Reference, "host" | "repository">, options: RegistryOptions) {
    this.transport = new Transport(reference, options);
  }

  get place(): string {
    return `oci:${this.transport.place}`;
  }

  get origin(): Pick<Reference, "host" | "repository"> {
    return this.transport.reference;
  }

  async onlyName(): Promise<string> {
    throw new OciError("bad_reference", `${this.place} needs a tag or a digest.`);
  }

  async findDocument(name: string): Promise<Document | undefined> {
    const request = {
      path: `manifests/${name}`,
      headers: { accept: MANIFEST_TYPES.join(", ") },
      follow: true,
    };
    const { answer, bytes } = await this.transport.fetch(request, ({ body }) => readManifestBytes(body));
    if (answer.status === 404) {
      discard(answer);
      return undefined;
    }
    if (bytes === undefined) throw await this.transport.refusal(answer, `the request for ${name}`);
    return name.includes(":") ? documentOf(bytes, parseDigest(name), this.place) : readDocument(bytes);
  }

  readBlob(blob: BlobName): AsyncIterable<Uint8Array> {
    return verified(download(this.transport, blob), blob, this.place);
  }

  async findBlobSize(digest: Digest): Promise<number | undefined> {
    const answer = await this.transport.send({ method: "HEAD", path: `blobs/${digest}`, follow: true });
    const size = answer.headers["content-length"];
    if (answer.status === 404) {
      discard(answer);
      return undefined;
    }
    if (answer.status !== 200 || size === undefined || !/^\d{1,15}$/.test(size)) {
      throw await this.transport.refusal(answer, `the request for the size of the blob ${digest}`);
    }
    discard(answer);
    return Number(size);
  }

  async listReferrers(
    subject: Digest,
    { artifactType }: { readonly artifactType?: string } = {},
  ): Promise<readonly Descriptor[]> {
    const listed = await listByApi(this.transport, subject);
    if (listed !== undefined) return ofType(listed, artifactType);
    const list = await this.findList(subject);
    return list === undefined ? [] : ofType(entriesOf(list), artifactType);
  }

  /** The list under the tag of a subject. `cosign copy` leaves the subject itself there, which lists nothing. */
  private async findList(subject: Digest): Promise<Document | undefined> {
    const list = await this.findDocument(referrersTag(subject));
    return list?.digest === subject ? undefined : list;
  }

  async writeBlob(blob: BlobName, from: BlobReader): Promise<BlobOutcome> {
    const { host, repository } = this.origin;
    const neighbour = from.origin?.host === host && from.origin.repository !== repository;
    return upload(this.transport, blob, from, neighbour ? from.origin.repository : undefined);
  }

  async writeDocument(
    document: Document,
    listing: { readonly tag?: string | undefined } = {},
  ): Promise<void> {
    const listed = await this.put(document, listing.tag ?? document.digest);
    if (document.subject === undefined || listed) return;
    const { subject } = document;
    this.lists = this.lists
      .catch(() => undefined)
      .then(async () => {
        const list = withReferrer(await this.findList(subject.digest), document);
        if (list !== undefined) await this.put(readDocument(list.bytes), list.tag);
      });
    await this.lists;
  }

  /** Whether the registry says that it lists the document as a referrer of its subject. */
  private async put(document: Document, name: string): Promise<boolean> {
    const answer = await this.transport.send({
      method: "PUT",
      path: `manifests/${name}`,
      headers: { "content-type": document.mediaType },
      body: () => document.bytes,
      size: document.bytes.length,
    });
    if (answer.status !== 201) {
      throw await this.transport.refusal(answer, `the manifest ${document.digest}`);
    }
    discard(answer);
    return answer.headers["oci-subject"] === document.subject?.digest;
  }

  async hasDocument(digest: Digest): Promise<boolean> {
    return (await this.findDocument(digest)) !== undefined;
  }

  async finish(): Promise<void> {}
}
