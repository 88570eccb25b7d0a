import { EMPTY_CONFIG, IMAGE_CONFIG, LAYER_TAR_GZIP } from "@stemma/image";
import type { ArtifactKind } from "./artifacts.ts";

const SBOM = "application/spdx+json";

/** Every kind of artifact that registries hold, with the type that a list of referrers says of it. */
export const ARTIFACT_KINDS: readonly (readonly [string, ArtifactKind, string])[] = [
  [
    "an image",
    { config: [IMAGE_CONFIG, '{"os":"linux","architecture":"amd64"}'], layers: [[LAYER_TAR_GZIP, "files"]] },
    IMAGE_CONFIG,
  ],
  [
    "a Helm chart",
    {
      config: ["application/vnd.cncf.helm.config.v1+json", '{"name":"app","version":"1.0.0"}'],
      layers: [["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "chart"]],
    },
    "application/vnd.cncf.helm.config.v1+json",
  ],
  [
    "an npm tarball",
    {
      artifactType: "application/vnd.npm.package.v1",
      config: [EMPTY_CONFIG, "{}"],
      layers: [["application/gzip", "package.tgz"]],
      annotations: new Map([["org.opencontainers.image.title", "app-1.0.0.tgz"]]),
    },
    "application/vnd.npm.package.v1",
  ],
  [
    "a WASM module",
    {
      config: [
        "application/vnd.wasm.config.v0+json",
        '{"architecture":"wasm","os":"wasip1","layerDigests":[]}',
      ],
      layers: [["application/wasm", "\0asm"]],
    },
    "application/vnd.wasm.config.v0+json",
  ],
  [
    "firmware",
    {
      artifactType: "application/vnd.example.firmware.v1",
      config: [EMPTY_CONFIG, "{}"],
      layers: [["application/octet-stream", "\u0001\u0002 firmware"]],
    },
    "application/vnd.example.firmware.v1",
  ],
  [
    "an SBOM",
    { artifactType: SBOM, config: [EMPTY_CONFIG, "{}"], layers: [[SBOM, '{"spdxVersion":"SPDX-2.3"}']] },
    SBOM,
  ],
  [
    "a plain file",
    {
      artifactType: "application/vnd.unknown.artifact.v1",
      config: [EMPTY_CONFIG, "{}"],
      layers: [["text/plain", "hello"]],
    },
    "application/vnd.unknown.artifact.v1",
  ],
];
