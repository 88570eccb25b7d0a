import { beforeAll, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import { MockSigstore } from "../../../test/support/sigstore.ts";
import { keylessVerifier } from "../src/index.ts";

let sigstore: MockSigstore;
let bundle: Uint8Array;
beforeAll(async () => {
  sigstore = await MockSigstore.create();
  bundle = await sigstore.sign(utf8("{}"), "application/vnd.in-toto+json");
});

const later = (seconds: number): Date => new Date(sigstore.now.getTime() + seconds * 1_000);
const refusal = (code: string) => expect.objectContaining({ code });

test("an answer that is kept holds for later times, and for no earlier one", () => {
  const root = sigstore.trustedRoot();
  const at = (time: Date) => keylessVerifier(root, time)(bundle);
  expect(at(later(60))).toMatchObject({ issuer: sigstore.issuer, identity: sigstore.identity });
  expect(at(later(61)).identity).toBe(sigstore.identity);
  expect(() => at(later(-60))).toThrow(refusal("signed_in_future"));
  expect(at(later(0)).identity).toBe(sigstore.identity);
});

test("an answer is kept for one trusted root and one bundle", async () => {
  const other = await MockSigstore.create();
  expect(keylessVerifier(sigstore.trustedRoot(), later(60))(bundle).identity).toBe(sigstore.identity);
  expect(() => keylessVerifier(other.trustedRoot(), later(60))(bundle)).toThrow();
  const changed = Uint8Array.from(bundle);
  changed[changed.length - 1] = 0x20;
  expect(() => keylessVerifier(sigstore.trustedRoot(), later(60))(changed)).toThrow(
    refusal("bad_sigstore_bundle"),
  );
});

test("a trusted root that cannot be read is a refusal of each bundle, not of the verifier", () => {
  const verify = keylessVerifier(utf8("{}"), later(60));
  expect(() => verify(bundle)).toThrow(refusal("bad_trusted_root"));
});
