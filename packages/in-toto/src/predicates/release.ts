import { z } from "zod";
import { object } from "./schema.ts";

export const RELEASE_TYPE = "https://in-toto.io/attestation/release/v0.2";
export const RELEASE_01_TYPE = "https://in-toto.io/attestation/release/v0.1";

/** `pkg:<type>/<namespace and name>@<version>`, which qualifiers and a subpath may follow. */
const PURL = /^pkg:\/*[A-Za-z][A-Za-z0-9.+-]*\/[^?#]+@[^@/?#]+(?:[?#].*)?$/s;

const purl = z.string().regex(PURL, { error: "must be a package URL with a version" });

/** Which artifacts are a release of a package (in-toto attestation, Release 0.2). */
export const release = object({ purl, packageId: z.string().nullish() });

/** The same in 0.1, where the package's identifier had another name. */
export const release01 = object({ purl, releaseId: z.string().nullish() });
