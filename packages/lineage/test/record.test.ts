import { describe, expect, test } from "@jest/globals";
import { type Digest, parseDigest, type Sha256Hex } from "@stemma/encoding";
import {
  type ArtifactRecord,
  asProjectName,
  checkRecord,
  MAX_EVIDENCE,
  mergeRecords,
  readRecord,
  recordTarget,
} from "@stemma/lineage";
import fc from "fast-check";

const hex = fc.stringMatching(/^[0-9a-f]{64}$/) as fc.Arbitrary<Sha256Hex>;
const digest = hex.map((text): Digest => parseDigest(`sha256:${text}`));
const project = fc.stringMatching(/^p[a-z0-9-]{0,10}$/);
const evidence = fc.array(fc.record({ sha256: hex, length: fc.integer({ min: 1, max: 1000 }) }), {
  maxLength: 8,
});

const record: fc.Arbitrary<ArtifactRecord> = fc
  .record({
    digest,
    size: fc.nat(),
    mediaType: fc.constantFrom("application/json", "application/vnd.oci.image.manifest.v1+json"),
    artifactType: fc.option(fc.constant("application/vnd.example"), { nil: undefined }),
    projects: fc.array(project, { minLength: 1, maxLength: 4 }),
    evidence,
  })
  .map(checkRecord);

describe("records", () => {
  test("survive their TUF target", () => {
    fc.assert(
      fc.property(record, (item) => expect(readRecord(item.digest, recordTarget(item))).toEqual(item)),
    );
  });

  test("merge to the same union in any order, and twice is once", () => {
    fc.assert(
      fc.property(
        record,
        fc.array(project, { minLength: 1, maxLength: 3 }),
        evidence,
        (a, projects, more) => {
          const lengths = new Map(a.evidence.map((entry) => [entry.sha256, entry.length]));
          const fitting = more.map((entry) => ({
            ...entry,
            length: lengths.get(entry.sha256) ?? entry.length,
          }));
          const b = checkRecord({ ...a, projects, evidence: fitting });
          expect(mergeRecords(a, b)).toEqual(mergeRecords(b, a));
          expect(mergeRecords(mergeRecords(a, b), b)).toEqual(mergeRecords(a, b));
        },
      ),
    );
  });
});

const sample: ArtifactRecord = {
  digest: parseDigest(`sha256:${"a".repeat(64)}`),
  size: 3,
  mediaType: "application/json",
  artifactType: undefined,
  projects: ["app"],
  evidence: [],
};
const item = (index: number) => ({ sha256: index.toString(16).padStart(64, "0") as Sha256Hex, length: 1 });
const refused = (code: string) => expect.objectContaining({ code });

describe("refused", () => {
  test.each([
    [{ size: 4 }],
    [{ mediaType: "text/plain" }],
    [{ artifactType: "application/other" }],
    [{ digest: parseDigest(`sha256:${"b".repeat(64)}`) }],
  ])("a merge with %j", (other) => {
    expect(() => mergeRecords(sample, { ...sample, ...other })).toThrow(refused("conflicting_record"));
  });

  test.each([
    [{ mediaType: "" }, "bad_record"],
    [{ mediaType: "no-slash" }, "bad_record"],
    [{ mediaType: "a/b\u001b[31m" }, "bad_record"],
    [{ size: -1 }, "bad_record"],
    [{ size: 1.5 }, "bad_record"],
    [{ projects: [] }, "bad_record"],
    [{ projects: ["targets"] }, "bad_project_name"],
    [{ evidence: [{ ...item(1), length: 0 }] }, "bad_record"],
    [{ evidence: [item(1), { ...item(1), length: 2 }] }, "conflicting_record"],
  ])("%j", (change, code) => {
    expect(() => checkRecord({ ...sample, ...change })).toThrow(refused(code));
  });

  test("evidence beyond the limit, and not at it (N-55)", () => {
    const list = (count: number) => Array.from({ length: count }, (_item, index) => item(index));
    expect(checkRecord({ ...sample, evidence: list(MAX_EVIDENCE) }).evidence).toHaveLength(MAX_EVIDENCE);
    expect(() => checkRecord({ ...sample, evidence: list(MAX_EVIDENCE + 1) })).toThrow(
      refused("too_much_evidence"),
    );
    const full = { ...sample, evidence: list(MAX_EVIDENCE) };
    expect(() => mergeRecords(full, { ...sample, evidence: [item(1_000)] })).toThrow(
      refused("too_much_evidence"),
    );
  });

  test.each([
    "",
    "a b",
    "A",
    "1a",
    "root",
    "artifacts",
    "bin-0f",
    "bin-",
    "a".repeat(64),
    "__proto__",
    "a/b",
    "ü",
  ])("the project name %j", (name) => {
    expect(() => asProjectName(name)).toThrow(refused("bad_project_name"));
  });
});
