import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  canonicalJson,
  compareCodePoints,
  fromPlain,
  type JsonObject,
  type JsonValue,
  parseJson,
  writeJson,
} from "@stemma/encoding";
import fc from "fast-check";
import {
  assemble,
  decodeRole,
  decodeTargets,
  signingBytes,
  type TargetFile,
  TrustedMetadata,
  targetsPayload,
} from "../src/index.ts";
import { codeOf } from "./support/client.ts";
import { NOW, Repository } from "./support/repository.ts";

/* Properties of the codec over generated documents. */

const text = fc.string({ unit: "binary", maxLength: 20 }).filter((value) => value.isWellFormed());
const hex = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 64, maxLength: 64 });
const json: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    text,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.array(fc.tuple(text, tie("value")), { maxLength: 3 }).map((members) => new Map(members)),
  ),
})).value;
const target: fc.Arbitrary<TargetFile> = fc.record({
  length: fc.maxSafeNat(),
  hashes: fc.array(fc.tuple(text, hex), { maxLength: 3 }).map((members) => new Map(members)),
  custom: fc.option(
    fc.array(fc.tuple(text, json), { maxLength: 3 }).map((members): JsonObject => new Map(members)),
    { nil: undefined },
  ),
});
const document = fc.record({
  version: fc.integer({ min: 1 }),
  seconds: fc.integer({ min: 0, max: 4_000_000_000 }),
  targets: fc.array(fc.tuple(text, target), { maxLength: 6 }).map((members) => new Map(members)),
});

describe("the codec", () => {
  test("reads what authoring wrote, which is in the order of the canonical form", () => {
    fc.assert(
      fc.property(document, ({ seconds, targets, version }) => {
        const expires = new Date(seconds * 1000);
        const payload = targetsPayload({ version, expires, targets });
        const { signed, signedBytes } = decodeTargets(assemble(payload, []));
        expect(signed.version).toBe(version);
        expect(signed.expires).toEqual(expires);
        expect([...signed.targets.keys()]).toEqual([...targets.keys()].sort(compareCodePoints));
        expect(signed.targets).toEqual(targets);
        expect(signedBytes).toEqual(signingBytes(payload));
      }),
    );
  });

  test("signed bytes do not depend on white space, order or escapes of what was received", () => {
    fc.assert(
      fc.property(document, fc.nat({ max: 9 }), ({ seconds, targets, version }, indent) => {
        const payload = targetsPayload({ version, expires: new Date(seconds * 1000), targets });
        const reversed = new Map([...payload].reverse());
        const loose = writeJson(
          new Map<string, JsonValue>([
            ["signed", reversed],
            ["signatures", []],
          ]),
          indent,
        );
        expect(decodeTargets(loose).signedBytes).toEqual(canonicalJson(payload));
      }),
    );
  });

  describe("a bit flipped in what was received", () => {
    let repository: Repository;
    const names = ["root", "timestamp", "snapshot", "targets", "project"];

    beforeAll(async () => {
      repository = await Repository.create((made) => {
        made.delegate("targets", "project", { paths: ["projects/*"] });
        made.addTarget("project", "projects/a", "content");
      });
      await repository.publishRoot();
    });

    const load = (name: string, bytes: Uint8Array): TrustedMetadata => {
      const trusted = TrustedMetadata.create(repository.file("1.root"), { time: NOW });
      const file = (role: string, path: string) => (role === name ? bytes : repository.file(path));
      trusted.updateRoot(file("root", "2.root"));
      trusted.updateTimestamp(file("timestamp", "timestamp"));
      trusted.updateSnapshot(file("snapshot", "1.snapshot"));
      trusted.updateTargets(file("targets", "1.targets"), "targets", "root");
      trusted.updateTargets(file("project", "1.project"), "project", "targets");
      return trusted;
    };
    const original = (name: string): Uint8Array =>
      repository.file(name === "timestamp" ? name : name === "root" ? "2.root" : `1.${name}`);

    test.each(names)("of %s: every bit of the signed part is protected", (name) => {
      const bytes = original(name);
      expect(codeOf(() => load(name, bytes))).toBe("accepted");
      const start = new TextDecoder().decode(bytes).indexOf('"signed":');
      for (let at = start; at < bytes.length; at += 1) {
        const flipped = new Uint8Array(bytes);
        // One bit of each byte, another one from byte to byte: all eight would take long and show no more.
        flipped[at] = (bytes[at] as number) ^ (1 << (at % 8));
        expect(codeOf(() => load(name, flipped))).not.toBe("accepted");
      }
    });

    test("anywhere: refused, or the same signed bytes", () => {
      const place = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.nat({ max: 7 }));
      fc.assert(
        fc.property(place, ([name, offset, bit]) => {
          const bytes = original(name);
          const flipped = new Uint8Array(bytes);
          const at = offset % bytes.length;
          flipped[at] = (bytes[at] as number) ^ (1 << bit);
          if (codeOf(() => load(name, flipped)) === "accepted") {
            const same = decodeRole(name, bytes).signedBytes;
            expect(decodeRole(name, flipped).signedBytes).toEqual(same);
          }
        }),
        { numRuns: 500 },
      );
    });

    test("any other value anywhere in the signed part is refused too", () => {
      fc.assert(
        fc.property(fc.constantFrom(...names), text, json, (name, member, value) => {
          const changed = new Map(parseJson(original(name)) as Map<string, JsonValue>);
          changed.set("signed", new Map(changed.get("signed") as Map<string, JsonValue>).set(member, value));
          expect(codeOf(() => load(name, writeJson(changed)))).not.toBe("accepted");
        }),
      );
    });

    test("arbitrary JSON and arbitrary bytes are refused with a code", () => {
      const bytes = fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.json().map((value) => new TextEncoder().encode(value)),
        fc.jsonValue({ noUnicodeString: false }).map((value) => writeJson(fromPlain(value))),
      );
      fc.assert(
        fc.property(fc.constantFrom(...names), bytes, (name, input) => {
          expect(codeOf(() => decodeRole(name, input))).not.toBe("accepted");
        }),
        { numRuns: 500 },
      );
    });
  });
});
