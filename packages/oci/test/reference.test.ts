import { describe, expect, test } from "@jest/globals";
import { parseDigest } from "@stemma/encoding";
import { nameIn, parsePlace, parseReference, referenceText, referrersTag } from "@stemma/oci";
import fc from "fast-check";
import { parseChallenges } from "../src/challenge.ts";

const refused = (code: string) => expect.objectContaining({ code });
const hex = "a".repeat(64);

describe("references", () => {
  test.each([
    ["127.0.0.1:5000/team/app:1.0", "127.0.0.1:5000", "team/app", "1.0"],
    ["registry.example/app:latest", "registry.example", "app", "latest"],
    ["[::1]:5000/a/b/c:x", "[::1]:5000", "a/b/c", "x"],
    ["h.example/a__b/c---d:x", "h.example", "a__b/c---d", "x"],
  ])("%s", (text, host, repository, tag) => {
    const reference = parseReference(text);
    expect(reference).toEqual({ host, repository, tag, digest: undefined });
    expect(referenceText(reference)).toBe(text);
  });

  test.each([
    "app",
    "app:1",
    "/a:b",
    "host/UPPER:1",
    "host/a",
    "host/a:",
    "host/a@sha256:00",
    "host/../a:1",
    "ho st/a:1",
    "u@host/a:1",
    "host:99999/a:1",
    "127.0.0.999/a:1",
    "[::::]/a:1",
    "host/a:b:c",
    "host/a..b:1",
    `host/${"a".repeat(300)}:1`,
  ])("%s is none", (text) => {
    expect(() => parseReference(text)).toThrow(refused("bad_reference"));
  });

  test("a repository alone is one where that is meant", () => {
    expect(parseReference("host/a", { bare: true })).toMatchObject({ repository: "a", tag: undefined });
  });
});

describe("places", () => {
  test.each([
    ["oci:h.example/a:1", { kind: "registry", tag: "1" }, "1"],
    ["oci:h.example/a", { kind: "registry" }, undefined],
    [`oci:h.example/a:1@sha256:${hex}`, { kind: "registry", tag: "1" }, `sha256:${hex}`],
    ["layout:out/image", { kind: "layout", path: "out/image", tag: undefined }, undefined],
    ["layout:out/image:1.0", { kind: "layout", path: "out/image", tag: "1.0" }, "1.0"],
    [`layout:out@sha256:${hex}`, { kind: "layout", path: "out" }, `sha256:${hex}`],
    ["tarball:a.tar:1.0", { kind: "tarball", path: "a.tar", tag: "1.0" }, "1.0"],
    ["layout:C:\\images\\a", { kind: "layout", path: "C:\\images\\a" }, undefined],
    ["out/image", { kind: "layout", path: "out/image" }, undefined],
    ["image.tar", { kind: "tarball", path: "image.tar" }, undefined],
  ])("%s", (text, place, name) => {
    expect(parsePlace(text)).toMatchObject(place);
    expect(nameIn(parsePlace(text))).toBe(name);
  });

  test.each(["", "layout:", "oci:", "oci:h.example", "layout:a@sha256:00", "layout:\0"])(
    "%j is none",
    (text) => {
      expect(() => parsePlace(text)).toThrow(refused("bad_reference"));
    },
  );

  test("nothing but a refusal comes of any other text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parsePlace(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "bad_reference" });
        }
      }),
    );
  });
});

test("the tag of a digest is cut short where the specification says so", () => {
  expect(referrersTag(parseDigest(`sha256:${hex}`))).toBe(`sha256-${hex}`);
  expect(referrersTag(parseDigest(`sha512:${hex}${"b".repeat(64)}`))).toBe(`sha512-${hex}`);
});

describe("challenges", () => {
  test("as registries write them", () => {
    const text =
      'Bearer realm="https://auth.example/token",service="a \\"b\\"", scope="repository:x:pull,push", Basic realm=x';
    expect(parseChallenges(text)).toEqual([
      {
        scheme: "bearer",
        parameters: new Map([
          ["realm", "https://auth.example/token"],
          ["service", 'a "b"'],
          ["scope", "repository:x:pull,push"],
        ]),
      },
      { scheme: "basic", parameters: new Map([["realm", "x"]]) },
    ]);
    expect(parseChallenges("Negotiate, Basic")).toMatchObject([{ scheme: "negotiate" }, { scheme: "basic" }]);
  });

  test("are read back from whatever is quoted", () => {
    const value = fc.string().map((text) => text.replace(/[\r\n]/g, ""));
    fc.assert(
      fc.property(value, (text) => {
        const quoted = text.replace(/["\\]/g, (character) => `\\${character}`);
        const [challenge] = parseChallenges(`Bearer realm="${quoted}"`);
        expect(challenge?.parameters.get("realm")).toBe(text);
      }),
    );
  });

  test("that are nonsense end, and never throw", () => {
    fc.assert(fc.property(fc.string(), (text) => Array.isArray(parseChallenges(text))));
    const began = performance.now();
    parseChallenges(",".repeat(8_000));
    parseChallenges('a="'.repeat(2_600));
    expect(parseChallenges("x ".repeat(100_000))).toEqual([]);
    expect(performance.now() - began).toBeLessThan(500);
  });
});
