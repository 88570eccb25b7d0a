import { beforeAll, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { decodeUtf8, type Sha256Hex, utf8 } from "@stemma/encoding";
import fc from "fast-check";
import { DURING, makeCertificate } from "../../crypto/test/support/certificates.ts";
import { type LayoutVerdict, type Owners, signLayout, signLink, verifyLayout } from "../src/index.ts";
import { digestOf, evidenceOf, layout, link, owners, person, step } from "./support/chain.ts";
import { about, idOf, provenance, rawLayout, signRaw, TYPES, testResult } from "./support/documents.ts";

/*
 * Monotonicity over every kind of evidence at once: links, a sublayout and the links of its own people, attestations by
 * several functionaries, and links by certificate. `model` says, without any of our code, which subsets are enough.
 *
 * source (a link of alice, or a sublayout of bob) → build (provenance by two of bob and carl, tested by carl or dave) →
 * package (whoever has the packager's certificate).
 */

interface Piece {
  readonly envelope: Uint8Array;
  /** What it says and who says it; undefined for what counts for nothing. */
  readonly says?: string;
}

const people = {
  olga: person(),
  alice: person(),
  bob: person(),
  carl: person(),
  dave: person(),
  mallory: person(),
};
const root = makeCertificate({ subject: { commonName: "Root" }, ca: true });
const certified = (commonName: string) => makeCertificate({ subject: { commonName }, issuer: root });
const packager = certified("packager");
const DIGEST = digestOf("final");
let layoutEnvelope: Uint8Array;
let trusted: Owners;
let pool: Piece[];

beforeAll(async () => {
  const { olga, alice, bob, carl, dave, mallory } = people;
  trusted = owners(1, olga);
  const closed = ["DISALLOW", "*"];
  layoutEnvelope = await signRaw(
    rawLayout(
      [alice, bob, carl, dave],
      [
        {
          name: "source",
          pubkeys: [idOf(alice), idOf(bob)],
          expected_products: [["CREATE", "src"], closed],
        },
        {
          name: "build",
          expected_materials: [["MATCH", "*", "WITH", "PRODUCTS", "FROM", "source"], closed],
          expected_predicates: [
            { predicateType: TYPES.provenance, functionaries: [idOf(bob), idOf(carl)], threshold: 2 },
            {
              predicateType: TYPES.test,
              functionaries: [idOf(carl), idOf(dave)],
              threshold: 1,
              expectedAttributes: [{ at: "/predicate/result", equals: "PASSED" }],
            },
          ],
        },
        {
          name: "package",
          cert_constraints: [{ common_name: "packager", roots: ["root"] }],
          expected_materials: [["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"], closed],
          expected_products: [["CREATE", "out"], closed],
        },
      ],
      { rootcas: { root: { keyval: { certificate: root.pem } } } },
    ),
    [olga],
  );

  const made = async (envelope: Promise<Uint8Array>, says?: string): Promise<Piece> =>
    says === undefined ? { envelope: await envelope } : { envelope: await envelope, says };
  const source = (signer: Signer, name: string, content: string) =>
    signLink(link(name, {}, { src: content }), [signer], name === "write" ? "metablock" : "dsse");
  const built = (signer: Signer, from: string, app: string) =>
    signRaw(provenance([about("app", app)], [about("source", from)]), [signer]);
  const tested = (signer: Signer, app: string, result: string) =>
    signRaw(testResult([about("_", app)], result), [signer]);
  const packed = async (certificate: typeof packager, app: string): Promise<Uint8Array> => {
    const bytes = await signLink(link("package", { app }, { out: "final" }), [certificate.signer()]);
    const envelope = JSON.parse(decodeUtf8(bytes));
    envelope.signatures[0].cert = certificate.pem;
    return utf8(JSON.stringify(envelope));
  };
  const sublayout = layout(step("write", [mallory], { expectedProducts: [["CREATE", "src"], closed] }));
  pool = await Promise.all([
    made(source(alice, "source", "1"), "source 1"),
    made(source(alice, "source", "2"), "source 2"),
    made(signLayout(sublayout, [bob]), "sublayout"),
    made(source(mallory, "write", "1"), "write 1"),
    made(source(mallory, "write", "2"), "write 2"),
    made(built(bob, "1", "app1"), "bob built app1 from 1"),
    made(built(carl, "1", "app1"), "carl built app1 from 1"),
    made(built(bob, "2", "app2"), "bob built app2 from 2"),
    made(built(carl, "2", "app2"), "carl built app2 from 2"),
    made(built(carl, "2", "app1"), "carl built app1 from 2"),
    made(tested(carl, "app1", "PASSED"), "app1 passed"),
    made(tested(dave, "app1", "FAILED")),
    made(tested(dave, "app2", "PASSED"), "app2 passed"),
    made(tested(carl, "other", "PASSED")),
    made(packed(packager, "app1"), "packed app1"),
    made(packed(packager, "app2"), "packed app2"),
    made(packed(certified("somebody"), "app1")),
    made(built(dave, "1", "app1")),
    made(signLayout(sublayout, [mallory])),
    made(Promise.resolve(utf8("[]"))),
  ]);
});

function judge(pieces: readonly Piece[], layoutBytes: Uint8Array = layoutEnvelope): LayoutVerdict {
  return verifyLayout({
    layoutEnvelope: layoutBytes,
    owners: trusted,
    evidence: evidenceOf(...pieces.map((piece) => piece.envelope)),
    digest: DIGEST,
    time: DURING,
  });
}

/** Whether one way through was walked by enough people, by trying all of them. */
function model(pieces: readonly Piece[]): boolean {
  const said = new Set(pieces.flatMap((piece) => (piece.says === undefined ? [] : [piece.says])));
  return ["1", "2"].some((from) =>
    ["app1", "app2"].some(
      (app) =>
        (said.has(`source ${from}`) || (said.has("sublayout") && said.has(`write ${from}`))) &&
        said.has(`bob built ${app} from ${from}`) &&
        said.has(`carl built ${app} from ${from}`) &&
        said.has(`${app} passed`) &&
        said.has(`packed ${app}`),
    ),
  );
}

const subset = () => {
  const all = pool.map((_, index) => index);
  return fc.oneof(fc.shuffledSubarray(all), fc.shuffledSubarray(all, { minLength: 14 }));
};
const pick = (indexes: readonly number[]): Piece[] => indexes.flatMap((index) => pool[index] ?? []);

test("a verdict is what a model says, for any evidence in any order", () => {
  const seen = { allow: 0, deny: 0 };
  fc.assert(
    fc.property(subset(), (indexes) => {
      const expected = model(pick(indexes));
      seen[expected ? "allow" : "deny"] += 1;
      const verdict = judge(pick(indexes));
      expect(verdict.ok).toBe(expected);
      expect(verdict.reasons.length === 0).toBe(expected);
    }),
    { numRuns: 400 },
  );
  expect(seen.allow).toBeGreaterThan(20);
  expect(seen.deny).toBeGreaterThan(20);
});

test("more evidence never turns an allow into a deny, nor less a deny into an allow", () => {
  fc.assert(
    fc.property(subset(), subset(), (some, others) => {
      const more = [...new Set([...some, ...others])];
      if (judge(pick(some)).ok) expect(judge(pick(more)).ok).toBe(true);
    }),
    { numRuns: 200 },
  );
});

/** Ways that are enough with nothing to spare: with the link, and with the sublayout. */
const LEAST = [
  [0, 5, 6, 10, 14],
  [2, 4, 7, 8, 12, 15],
];

test("each piece of the least evidence is needed", () => {
  for (const least of LEAST) {
    expect(judge(pick(least)).reasons).toEqual([]);
    for (const missing of least)
      expect(judge(pick(least.filter((index) => index !== missing))).ok).toBe(false);
  }
});

test("every denial says in which step, what was expected and what to do, or with what it has to do", () => {
  fc.assert(
    fc.property(subset(), (indexes) => {
      for (const reason of judge(pick(indexes)).reasons) {
        expect(reason.step).toBeDefined();
        expect(reason.expected ?? reason.mismatches ?? reason.artifacts).toBeDefined();
        expect(reason.found ?? reason.artifacts).toBeDefined();
      }
    }),
    { numRuns: 150 },
  );
});

/** Whether a flip only changed which key a DSSE signature says to try, which nothing signs and nothing counts. */
function isHint(bytes: Uint8Array, at: number): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  const start = text.indexOf('"keyid"');
  const end = text.indexOf('"', text.indexOf(":", start) + 2);
  return text.includes('"payloadType"') && at >= start && at <= end;
}

test("any bit of any needed document, flipped, denies", () => {
  const last = LEAST.map((least) => least.length);
  fc.assert(
    fc.property(fc.nat(1), fc.nat(), fc.nat(), fc.nat(7), (way, which, place, bit) => {
      const pieces = pick(LEAST[way] as number[]);
      const document = which % ((last[way] as number) + 1);
      const original = pieces[document]?.envelope ?? layoutEnvelope;
      const at = place % original.length;
      fc.pre(!isHint(original, at));
      const flipped = Uint8Array.from(original);
      flipped[at] = (original[at] ?? 0) ^ (1 << bit);
      const changed = pieces.map((piece, index) => (index === document ? { envelope: flipped } : piece));
      const verdict = judge(changed, document === pieces.length ? flipped : layoutEnvelope);
      if (verdict.ok) throw new Error(`Byte ${at} of ${Buffer.from(original).toString("latin1")}`);
    }),
    { numRuns: 1500 },
  );
});

test("evidence is told apart by its bytes alone, whatever it is called", () => {
  const pieces = pick(LEAST[0] as number[]);
  const renamed = new Map(
    pieces.map(({ envelope }, index) => [`${index}`.repeat(64).slice(0, 64) as Sha256Hex, envelope]),
  );
  const verdict = verifyLayout({
    layoutEnvelope,
    owners: trusted,
    evidence: renamed,
    digest: DIGEST,
    time: DURING,
  });
  expect(verdict.ok).toBe(true);
});
