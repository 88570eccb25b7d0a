/** The example of docs/guides/admission-hook.md; `test/docs.test.ts` compares the two, and the compiler checks this one. */
import { readFile } from "node:fs/promises";
import { Client, ClientError, fileCache, httpSource } from "@stemma/client";
import { parseDigest } from "@stemma/encoding";

const client = new Client({
  root: await readFile("root.json"),
  source: httpSource("http://127.0.0.1:8480", "example"),
  cache: fileCache("/var/cache/stemma/example"),
});

export async function mayRun(digest: string): Promise<{ allowed: boolean; why: string }> {
  try {
    const verdict = await client.verify({ digest: parseDigest(digest), project: "app" });
    const why = verdict.reasons.map((reason) => `${reason.code}: ${reason.message}`).join("\n");
    return { allowed: verdict.decision === "allow", why };
  } catch (error) {
    // Nobody answered: that is no verdict, and no reason to allow.
    if (error instanceof ClientError) return { allowed: false, why: `cannot tell: ${error.message}` };
    throw error;
  }
}
