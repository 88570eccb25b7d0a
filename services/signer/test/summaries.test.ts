import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type JsonObject, toPlain, utf8 } from "@stemma/encoding";
import { readEnvelope, readStatement } from "@stemma/in-toto";
import { layoutPath } from "@stemma/lineage";
import {
  readChange,
  readRequestedSummaries,
  readSummary,
  requestSummary,
  type SummarySubject,
} from "@stemma/store";
import { pino } from "pino";
import { type TestDatabase, testDatabase } from "../../../test/support/database.ts";
import { readConfig } from "../src/config.ts";
import { startSigner } from "../src/service.ts";
import { acceptDomain, acceptMetadata, acceptRecord, digestOf, newSigner, Owners } from "./support/domain.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const owners = new Owners(newSigner());
const verifier = { id: "https://v.example", signer: newSigner() };

async function start(clock = () => new Date(), log = pino({ level: "silent" })) {
  const config = readConfig({
    STEMMA_DATABASE_URL: database.signerUrl,
    STEMMA_SIGNER_KEY: "given",
    STEMMA_BIN_BITS: "4",
  });
  return startSigner(config, { online: owners.online, verifier }, log, { clock });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const published = (id: number) => until(async () => (await readChange(database.repository, id))?.outcome);

/** What the summary of a subject says, once it is there. */
async function predicate(subject: SummarySubject): Promise<unknown> {
  const { bytes } = await until(() => readSummary(database.repository, subject));
  return toPlain(readStatement(readEnvelope(bytes).payload).predicate as JsonObject);
}

test("what waited while the timestamp expired rests on the one that is signed next", async () => {
  const domainId = await acceptDomain(database.repository, "expired", owners);
  const layout = utf8("no layout");
  const first = await start();
  const project = await owners.projectMetadata(1, new Map([[layoutPath("app"), layout]]));
  expect(await published(await acceptMetadata(database.repository, domainId, [project], [layout]))).toBe(
    "published",
  );
  expect(await published(await acceptRecord(database.repository, domainId, "image"))).toBe("published");
  await first.stop();

  const subject = { domainId, digest: digestOf("image"), project: "app", epoch: 3 };
  await requestSummary(database.repository, subject);
  const later = Date.now() + 2 * 86_400_000;
  const second = await start(() => new Date(later));
  try {
    // It came as far as the record, which it would not with an expired timestamp; its layout is none.
    expect(await predicate(subject)).toMatchObject({
      timeVerified: new Date(later).toISOString().replace(/\.\d+Z$/, "Z"),
      verificationResult: "FAILED",
      inputAttestations: [{}],
    });
  } finally {
    await second.stop();
  }
});

test("one that cannot be issued keeps no other waiting, and is reported once", async () => {
  const lines: { msg: string; digest?: string }[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const service = await start(undefined, log);
  try {
    // A head that points to nothing, as after a damage.
    const { rows } = await database.owner.query<{ id: number }>(
      "WITH one AS (INSERT INTO domain (name) VALUES ('bare') RETURNING id) INSERT INTO head (domain_id) SELECT id FROM one RETURNING domain_id AS id",
    );
    await database.owner.query(
      `UPDATE head SET epoch = 1, root_version = 1, targets_version = 1, snapshot_version = 1, timestamp_version = 1,
         signed_at = now(), expires_at = now() + interval '1 day' WHERE domain_id = $1`,
      [rows[0]?.id],
    );
    const nothing = { domainId: rows[0]?.id ?? 0, digest: digestOf("x"), project: "app", epoch: 1 };
    await requestSummary(database.repository, nothing);
    const domainId = await acceptDomain(database.repository, "other", new Owners(owners.online));
    const change = await acceptRecord(database.repository, domainId, "second");
    expect(await published(change)).toBe("published");
    const subject = { domainId, digest: digestOf("second"), project: "app", epoch: 1 };
    await requestSummary(database.repository, subject);
    expect(await predicate(subject)).toMatchObject({ verificationResult: "FAILED" });
    expect(await readRequestedSummaries(database.signer, 0, 10)).toMatchObject([nothing]);
    for (const name of ["third", "fourth"]) {
      const again = { ...subject, digest: digestOf(name) };
      await requestSummary(database.repository, again);
      await predicate(again);
    }
    expect(lines.filter(({ digest }) => digest === nothing.digest)).toMatchObject([
      { msg: "A summary could not be issued." },
    ]);
  } finally {
    await service.stop();
  }
});
