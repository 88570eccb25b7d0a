import { describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import {
  attachedIn,
  EMPTY_CONFIG,
  IMAGE_CONFIG,
  type Manifest,
  mayBeEvidence,
  readManifest,
} from "@stemma/image";
import fc from "fast-check";

const descriptor = (mediaType: string, annotations?: Record<string, string>): object => ({
  mediaType,
  digest: `sha256:${sha256(utf8(mediaType))}`,
  size: 7,
  ...(annotations === undefined ? {} : { annotations }),
});

function manifest(members: object): Manifest {
  return readManifest(
    utf8(JSON.stringify({ schemaVersion: 2, config: descriptor(EMPTY_CONFIG), layers: [], ...members })),
  );
}

describe("what is attached is told by its media type", () => {
  test.each([
    ["application/vnd.dev.sigstore.bundle.v0.3+json", "sigstore-bundle", true],
    ["application/vnd.dsse.envelope.v1+json", "dsse", true],
    ["application/vnd.in-toto.provenance+dsse", "dsse", true],
    ["application/vnd.in-toto.link+json", "link", true],
    ["application/vnd.in-toto.layout+json", "layout", true],
    ["application/vnd.dev.cosign.simplesigning.v1+json", "cosign-signature", false],
    ["application/vnd.in-toto+json", "unsigned-statement", false],
    ["application/vnd.in-toto.+dsse", "other", false],
    ["application/spdx+json", "other", false],
  ])("%s: %s", (mediaType, kind, evidence) => {
    const [item] = attachedIn(manifest({ layers: [descriptor(mediaType)] }));
    expect(item?.kind).toBe(kind);
    expect(mayBeEvidence(item?.kind ?? "other")).toBe(evidence);
  });

  test("notation's signatures by the type of the manifest, or of its config as older registries have it", () => {
    const type = "application/vnd.cncf.notary.signature";
    const layers = [descriptor("application/jose+json")];
    expect(attachedIn(manifest({ artifactType: type, layers }))[0]?.kind).toBe("notation-signature");
    expect(attachedIn(manifest({ config: descriptor(type), layers }))[0]?.kind).toBe("notation-signature");
    expect(attachedIn(manifest({ config: descriptor(IMAGE_CONFIG), layers }))[0]?.kind).toBe("other");
  });

  test("every layer is one thing, and says what it states if an annotation does", () => {
    const layers = [
      descriptor("application/vnd.dsse.envelope.v1+json", { predicateType: "https://a" }),
      descriptor("application/vnd.in-toto+json", { "in-toto.io/predicate-type": "https://b" }),
      descriptor("text/plain"),
    ];
    expect(attachedIn(manifest({ layers })).map(({ predicateType }) => predicateType)).toEqual([
      "https://a",
      "https://b",
      undefined,
    ]);
    const long = descriptor("text/plain", { predicateType: `https://${"a".repeat(600)}` });
    expect(attachedIn(manifest({ layers: [long] }))[0]?.predicateType).toBeUndefined();
    const annotations = { "dev.sigstore.bundle.predicateType": "https://c" };
    const bundle = [descriptor("application/vnd.dev.sigstore.bundle.v0.3+json")];
    expect(attachedIn(manifest({ annotations, layers: bundle }))[0]?.predicateType).toBe("https://c");
  });

  test("nothing that is not a signed form is ever taken for evidence", () => {
    const known = /^application\/vnd\.(?:dev\.sigstore\.bundle|dsse\.envelope\.v1\+json$|in-toto\.)/;
    const type = fc
      .stringMatching(/^[a-z]{1,8}\/[a-z0-9.+-]{1,40}$/)
      .filter((text) => /^[^/]+\/[a-z0-9]/.test(text));
    fc.assert(
      fc.property(type, (mediaType) => {
        const [item] = attachedIn(manifest({ layers: [descriptor(mediaType)] }));
        expect(mayBeEvidence(item?.kind ?? "other") && !known.test(mediaType)).toBe(false);
      }),
    );
  });
});
