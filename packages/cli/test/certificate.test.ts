import { readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { encryptPrivateKey } from "@stemma/crypto";
import { readEnvelope } from "@stemma/in-toto";
import { makeCertificate } from "../../crypto/test/support/certificates.ts";
import { Desk } from "./support/command-line.ts";

/* A functionary by certificate: the command puts it beside the signature, where layouts with authorities look for it. */

let desk: Desk;
const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const builder = makeCertificate({ subject: { commonName: "builder" }, issuer: root });

beforeAll(async () => {
  desk = await Desk.create();
  desk.env.STEMMA_PASSPHRASE = "not to be seen";
  const pem = builder.privateKey.export({ format: "pem", type: "pkcs8" }) as string;
  await writeFile(desk.path("builder"), encryptPrivateKey(pem, "not to be seen"), { mode: 0o600 });
  await writeFile(desk.path("builder.crt"), builder.pem);
  await writeFile(desk.path("root.crt"), root.pem);
  await writeFile(desk.path("app"), "app");
  await desk.json(["key", "new", "other"]);
}, 30_000);
afterAll(() => desk.remove());

const run = (...more: readonly string[]): string[] => [
  ...["run", "--step", "build", "--products", "app", "-o", "build.link"],
  ...more,
  ...["--", "true"],
];

test.each(["dsse", "metablock"])(
  "a link in %s comes with the certificate",
  async (envelope) => {
    await desk.json(run("--key", "builder", "--certificate", "builder.crt", "--envelope", envelope));
    const [signature] = readEnvelope(await readFile(desk.path("build.link"))).signatures;
    expect(signature?.certificate).toBe(builder.pem);
  },
  30_000,
);

test("a certificate of another key is refused before the command runs", async () => {
  const refused = await desk.json(run("--key", "other", "--certificate", "builder.crt"), 1);
  expect(refused).toMatchObject({ error: { code: "bad_certificate" } });
  for (const more of [
    ["--key", "builder", "--key", "other", "--certificate", "builder.crt"],
    ["--key", "builder", "--certificate", "builder.crt", "--bundle"],
    ["--certificate", "builder.crt", "--keyless"],
  ]) {
    expect(await desk.json(run(...more), 2)).toMatchObject({ error: { code: "usage" } });
  }
}, 30_000);
