import { beforeAll, describe, expect, test } from "@jest/globals";
import { sha256 } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";
import { authoritiesAt, type HistoryDocument, readHistory } from "@stemma/lineage";
import { DomainFixture, days, digestOf, newSigner } from "../../../test/support/domain.ts";

let domain: DomainFixture;
const documents: HistoryDocument[] = [];
let replacedOwner: string;
let newOwner: string;

beforeAll(async () => {
  domain = await DomainFixture.create();
  publish(1, ["root", 1], ["targets", 1], ["app", 1]);

  // A new owner takes the place of one, and the root drops a key.
  replacedOwner = domain.owners[1]?.publicKey.fingerprint ?? "";
  domain.owners[1] = newSigner();
  newOwner = domain.owners[1].publicKey.fingerprint;
  domain.versions = { root: 2, targets: 2, project: 2, online: 1 };
  const removed = domain.rootSigners.pop();
  await domain.signRoot(domain.rootSigners);
  await domain.signTargets();
  await domain.setLayout({ ...domain.layout(), steps: domain.layout().steps.slice(1) });
  publish(2, ["root", 2], ["targets", 2], ["app", 2]);
  expect(removed).toBeDefined();

  domain.versions.project = 3;
  await domain.revoke(digestOf(utf8("bad")), "CVE");
  publish(3, ["app", 3]);
});

function publish(epoch: number, ...roles: [string, number][]): void {
  for (const [role, version] of roles) {
    const bytes = domain.metadata.get(`${version}.${role}`) as Uint8Array;
    documents.push({ role, version, bytes, epoch, publishedAt: days(domain.now, epoch) });
  }
}

const files = (digest: Parameters<typeof domain.blobs.get>[0]) => domain.blobs.get(digest);

describe("the history of a trust domain", () => {
  test("holds every version in the order of publication, verified by whoever could sign it then", () => {
    const history = readHistory([...documents].reverse(), files);
    expect(history.map((entry) => `${entry.version}.${entry.role}`)).toEqual([
      "1.root",
      "1.targets",
      "1.app",
      "2.root",
      "2.targets",
      "2.app",
      "3.app",
    ]);
    expect(history.filter((entry) => entry.fault !== undefined)).toEqual([]);
    expect(history.map((entry) => entry.signers.length)).toEqual([2, 2, 2, 2, 2, 2, 2]);
  });

  test("says in words what each version changed", () => {
    const [, , , root, targets, app, revocation] = readHistory(documents, files);
    expect(root?.changes).toEqual([expect.objectContaining({ kind: "keys_changed", subject: "root" })]);
    const owners = targets?.changes.find((change) => change.subject === "app");
    expect(owners).toMatchObject({ kind: "keys_changed" });
    expect(owners?.words).toContain(`${newOwner.slice(0, 16)} may now sign`);
    expect(owners?.words).toContain(`${replacedOwner.slice(0, 16)} may not any more`);
    expect(app?.changes.map((change) => change.kind)).toEqual(["layout_changed", "step_removed"]);
    expect(revocation?.changes.map((change) => change.kind)).toEqual(["revocations_changed"]);
  });

  test("shows a version that nobody who could had signed", async () => {
    const forged = await DomainFixture.create();
    const bytes = forged.metadata.get("1.app") as Uint8Array;
    const swapped = documents.map((item) =>
      item.role === "app" && item.version === 1 ? { ...item, bytes } : item,
    );
    const entry = readHistory(swapped, files).find((item) => item.role === "app" && item.version === 1);
    expect(entry?.fault?.code).toBe("threshold_not_met");
  });

  test("shows a version that is missing, repeated or misnumbered", () => {
    const faults = (list: HistoryDocument[]) =>
      readHistory(list, files).flatMap((entry) => entry.fault?.code ?? []);
    expect(faults(documents.filter((item) => item.role !== "root" || item.version !== 1))).toContain(
      "not_delegated",
    );
    expect(faults([...documents, ...documents.slice(0, 1)])).toEqual(["wrong_version"]);
    expect(faults(documents.map((item) => ({ ...item, version: item.version + 1 }))).length).toBeGreaterThan(
      0,
    );
  });

  test("shows bytes that are no metadata as a fault of that version, and goes on", () => {
    const broken = documents.map((item, index) => (index === 2 ? { ...item, bytes: utf8("{") } : item));
    const history = readHistory(broken, files);
    expect(history[2]?.fault?.code).toBe("bad_json");
    expect(history[5]?.fault).toBeUndefined();
  });
});

describe("who could sign for what", () => {
  const at = (day: number) =>
    new Map(authoritiesAt(documents, files, days(domain.now, day)).map((item) => [item.role, item]));

  test("before the domain, nobody", () => {
    expect(at(0.5).size).toBe(0);
  });

  test("then and now", () => {
    const [then, now] = [at(1.5), at(2.5)];
    expect(then.get("root")?.keys).toHaveLength(3);
    expect(now.get("root")?.keys).toHaveLength(2);
    expect(then.get("app")?.keys.map((key) => key.fingerprint)).toContain(replacedOwner);
    expect(now.get("app")?.keys.map((key) => key.fingerprint)).toContain(newOwner);
    expect(then.get("app")?.steps.map((step) => step.step)).toEqual(["source", "build", "package"]);
    expect(now.get("app")?.steps.map((step) => step.step)).toEqual(["build", "package"]);
    expect(now.get("app")?.steps[0]?.keys[0]?.fingerprint).toBe(
      domain.functionaries.build.publicKey.fingerprint,
    );
  });

  test("a role past its expiry is said to be so", () => {
    expect(at(27).get("app")?.expired).toBe(false);
    expect(at(28).get("app")?.expired).toBe(true);
  });
});

test("a layout that is not to be had is not explained, and does not hide its change", () => {
  const history = readHistory(documents, () => undefined);
  expect(history[5]?.changes.map((change) => change.kind)).toEqual(["layout_changed"]);
  expect(sha256(domain.root)).toHaveLength(64);
});
