import { type PackedBundle, writeBundleFile } from "@stemma/client";
import { type Sha256Hex, utf8 } from "@stemma/encoding";

/** A layer of a bundle's manifest, as JSON. */
export interface Layer {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/** The manifest of a bundle as JSON, for somebody who changes it. */
export interface PlainManifest {
  [member: string]: unknown;
  config: Layer;
  layers: Layer[];
}

/** The file of a bundle with a manifest that somebody changed, and with blobs to go with it. */
export async function changedBundle(
  packed: PackedBundle,
  change: (manifest: PlainManifest, blobs: Map<Sha256Hex, Uint8Array>) => void,
): Promise<Uint8Array> {
  const manifest = JSON.parse(Buffer.from(packed.manifest).toString()) as PlainManifest;
  const blobs = new Map(packed.blobs);
  change(manifest, blobs);
  return writeBundleFile({ manifest: utf8(JSON.stringify(manifest)), blobs });
}

/** A layer by the name that it has in the bundle. */
export function layerNamed(manifest: PlainManifest, name: string): Layer {
  const found = manifest.layers.find(({ annotations }) => annotations?.["tuf.io/filename"]?.includes(name));
  if (found === undefined) throw new Error(`The bundle has no ${name}.`);
  return found;
}
