import { beforeAll, expect, test } from "@jest/globals";
import type { Signer } from "@stemma/crypto";
import { type Sha256Hex, utf8 } from "@stemma/encoding";
import fc from "fast-check";
import { type LinkContent, type Owners, signLayout, signLink, verifyLayout } from "../src/index.ts";
import { digestOf, evidenceOf, layout, link, NOW, owners, person, step } from "./support/chain.ts";

/**
 * A chain whose evidence is drawn from a pool: several honest versions that do not mix, several functionaries, and
 * evidence that counts for nothing. `model` says, without any of our code, when the pool's subset must be allowed.
 */
interface Piece {
  readonly envelope: Uint8Array;
  /** Step, who signed, and the versions of what went in and came out; undefined for what counts for nothing. */
  readonly says?: readonly [step: string, signer: string, input: string, output: string];
}

const people = { olga: person(), a: person(), b: person(), c: person(), mallory: person() };
const DIGEST = digestOf("final");
let layoutEnvelope: Uint8Array;
let trusted: Owners;
const POOL = 20;
let pool: Piece[];

beforeAll(async () => {
  const { olga, a, b, c, mallory } = people;
  trusted = owners(1, olga);
  layoutEnvelope = await signLayout(
    layout(
      step("source", [a, b], {
        expectedProducts: [
          ["CREATE", "src"],
          ["DISALLOW", "*"],
        ],
      }),
      step("build", [a, b, c], {
        threshold: 2,
        expectedMaterials: [
          ["MATCH", "src", "WITH", "PRODUCTS", "FROM", "source"],
          ["DISALLOW", "*"],
        ],
        expectedProducts: [
          ["CREATE", "app"],
          ["DISALLOW", "*"],
        ],
      }),
      // Nothing matches this step, and nothing that it says matters but that it was done to this build.
      step("scan", [c], {
        expectedMaterials: [
          ["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"],
          ["DISALLOW", "*"],
        ],
      }),
      step("package", [b, c], {
        expectedMaterials: [
          ["MATCH", "app", "WITH", "PRODUCTS", "FROM", "build"],
          ["DISALLOW", "*"],
        ],
        expectedProducts: [
          ["CREATE", "out"],
          ["DISALLOW", "*"],
        ],
      }),
    ),
    [olga],
  );
  const content: Record<string, (input: string, output: string) => LinkContent> = {
    source: (_, output) => link("source", {}, { src: output }),
    build: (input, output) => link("build", { src: input }, { app: output }),
    scan: (input) => link("scan", { app: input }, {}),
    package: (input, output) => link("package", { app: input }, { out: output }),
  };
  const piece = async (
    name: string,
    signer: keyof typeof people,
    input: string,
    output: string,
    counts = true,
  ): Promise<Piece> => {
    const format = (signer.length + input.length + output.length) % 2 === 0 ? "dsse" : "metablock";
    const make = content[name] as (input: string, output: string) => LinkContent;
    const envelope = await signLink(make(input, output), [people[signer] as Signer], format);
    return counts ? { envelope, says: [name, signer, input, output] } : { envelope };
  };
  const spoilt = await signLink(link("package", { app: "app1" }, { out: "final" }), [c]);
  spoilt[spoilt.length >> 1] = (spoilt[spoilt.length >> 1] ?? 0) ^ 1;
  pool = await Promise.all([
    piece("source", "a", "", "src1"),
    piece("source", "b", "", "src1"),
    piece("source", "a", "", "src22"),
    piece("build", "a", "src1", "app1"),
    piece("build", "b", "src1", "app1"),
    piece("build", "c", "src1", "app1"),
    piece("build", "a", "src22", "app22"),
    piece("build", "c", "src22", "app22"),
    piece("build", "b", "src22", "app1"),
    piece("scan", "c", "app1", ""),
    piece("scan", "c", "app22", ""),
    piece("package", "b", "app1", "final"),
    piece("package", "c", "app22", "final"),
    piece("package", "c", "app1", "other"),
    piece("source", "mallory", "", "src1", false),
    piece("source", "c", "", "src1", false),
    piece("package", "a", "app1", "final", false),
    Promise.resolve({ envelope: spoilt }),
    Promise.resolve({ envelope: utf8("{}") }),
    signLayout(layout(step("inner", [mallory])), [c]).then((envelope) => ({ envelope })),
  ]);
});

function allowed(pieces: readonly Piece[]): boolean {
  return verifyLayout({
    layoutEnvelope,
    owners: trusted,
    evidence: evidenceOf(...pieces.map((piece) => piece.envelope)),
    digest: DIGEST,
    time: NOW,
  }).ok;
}

/** Whether some version of everything was made by enough people: by trying all of them. */
function model(pieces: readonly Piece[]): boolean {
  const said = pieces.flatMap((piece) => (piece.says === undefined ? [] : [piece.says]));
  const by = (name: string, input: string, output: string): number =>
    new Set(said.filter(([n, , i, o]) => n === name && i === input && o === output).map(([, who]) => who))
      .size;
  const versions = ["1", "22"];
  return versions.some((source) =>
    versions.some(
      (build) =>
        by("source", "", `src${source}`) >= 1 &&
        by("build", `src${source}`, `app${build}`) >= 2 &&
        by("scan", `app${build}`, "") >= 1 &&
        by("package", `app${build}`, "final") >= 1,
    ),
  );
}

/** Places in the pool, in any order: any number of them, or most. */
const subset = (max: number) => {
  const all = Array.from({ length: max }, (_, index) => index);
  return fc.oneof(fc.shuffledSubarray(all), fc.shuffledSubarray(all, { minLength: 14 }));
};
const pick = (indexes: readonly number[]): Piece[] => indexes.flatMap((index) => pool[index] ?? []);

test("the pool is whole", () => expect(pool).toHaveLength(POOL));

test("a verdict is what a model of the chain says, for any evidence in any order", () => {
  const seen = { allow: 0, deny: 0 };
  fc.assert(
    fc.property(subset(POOL), (indexes) => {
      const pieces = pick(indexes);
      const expected = model(pieces);
      seen[expected ? "allow" : "deny"] += 1;
      expect(allowed(pieces)).toBe(expected);
    }),
    { numRuns: 600 },
  );
  expect(seen.allow).toBeGreaterThan(20);
  expect(seen.deny).toBeGreaterThan(20);
});

test("more evidence never turns an allow into a deny, nor less a deny into an allow", () => {
  fc.assert(
    fc.property(subset(POOL), subset(POOL), (some, others) => {
      const more = [...new Set([...some, ...others])];
      if (allowed(pick(some))) expect(allowed(pick(more))).toBe(true);
      if (!allowed(pick(more))) expect(allowed(pick(some))).toBe(false);
    }),
    { numRuns: 300 },
  );
});

/** The least evidence that is enough, by place in the pool. */
const LEAST = [0, 3, 4, 9, 11];

test("each piece of the least evidence is needed", () => {
  expect(allowed(pick(LEAST))).toBe(true);
  for (const missing of LEAST) expect(allowed(pick(LEAST.filter((index) => index !== missing)))).toBe(false);
});

/** Whether a flip only changed which key a DSSE signature says to try, which nothing signs and nothing counts. */
function isHint(bytes: Uint8Array, at: number): boolean {
  const text = Buffer.from(bytes).toString("latin1");
  const start = text.indexOf('"keyid"');
  return text.startsWith('{"payload"') && at >= start && at < text.indexOf('"sig"');
}

test("any bit of any needed document, flipped, denies", () => {
  fc.assert(
    fc.property(fc.nat(LEAST.length), fc.nat(), fc.nat(7), (document, place, bit) => {
      const pieces = pick(LEAST);
      const original = document === LEAST.length ? layoutEnvelope : (pieces[document] as Piece).envelope;
      const at = place % original.length;
      fc.pre(!isHint(original, at));
      const flipped = Uint8Array.from(original);
      flipped[at] = (original[at] ?? 0) ^ (1 << bit);
      const evidence = new Map<Sha256Hex, Uint8Array>(
        evidenceOf(...pieces.map((piece, index) => (index === document ? flipped : piece.envelope))),
      );
      const verdict = verifyLayout({
        layoutEnvelope: document === LEAST.length ? flipped : layoutEnvelope,
        owners: trusted,
        evidence,
        digest: DIGEST,
        time: NOW,
      });
      expect(verdict.ok).toBe(false);
      expect(verdict.reasons.length).toBeGreaterThan(0);
    }),
    { numRuns: 2000 },
  );
});
