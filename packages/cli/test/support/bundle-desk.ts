import { writeFile } from "node:fs/promises";
import type { Verdict } from "@stemma/lineage";
import { bundleFile } from "../../../../test/support/bundle.ts";
import { DomainFixture } from "../../../../test/support/domain.ts";
import { Desk } from "./command-line.ts";

/** A desk with a trust domain's `root.json`, an artifact of it, `app`, and that one's bundle, `app.bundle`. */
export async function bundleDesk(): Promise<{ readonly desk: Desk; readonly domain: DomainFixture }> {
  const [desk, domain] = [await Desk.create(), await DomainFixture.create()];
  await writeFile(desk.path("root.json"), domain.root);
  await writeFile(desk.path("app"), domain.artifact);
  await writeFile(desk.path("app.bundle"), await bundleFile(domain));
  return { desk, domain };
}

export const ROOT = ["--root", "root.json"];

/** The document of `stemma bundle verify`. */
export interface Verified {
  readonly verdict: Verdict;
  readonly bundle: { readonly digest: string; readonly subject: { readonly digest: string } };
  readonly standing: {
    readonly madeAt: string;
    readonly whenMade?: { readonly decision: string };
    readonly expired: { readonly role: string }[];
    readonly timestamp?: { readonly version: number };
    readonly cannotKnow: string;
  };
}
