import { describe, expect, test } from "@jest/globals";
import { utf8 } from "@stemma/encoding";
import {
  checkArtifactName,
  DEFAULT_LIMITS,
  type Link,
  readEnvelope,
  readLink,
  writeLink,
} from "../src/index.ts";
import { hashOf, link } from "./support/chain.ts";

const SHA256 = hashOf("content");

function read(payload: object): Link {
  const signed = { _type: "link", name: "build", materials: {}, products: {}, ...payload };
  return readLink(readEnvelope(utf8(JSON.stringify({ signatures: [], signed }))));
}

const products = (digests: unknown) => () => read({ products: { f: digests } });
const refusal = (code: string) => expect.objectContaining({ code });

describe("artifact names (N-28)", () => {
  test.each([
    "foo",
    "dir/foo",
    ".hidden",
    "...",
    "a/.../b",
    "..foo/bar..",
    "/abs/olute",
    "../sibling/foo",
    "../../up",
    "spaces and (brackets) [x] *",
    "line\nbreak",
    "😀",
    "constructor",
    "__proto__",
    "pkg:oci/app@sha256:0123",
    "https://example.com/a/b.tgz",
    "https://example.com/",
    "git+https://example.com/repo@refs/heads/main",
    "file:///etc/passwd",
    "C:/windows",
    "sha256:abc",
  ])("%j is normal", (name) => {
    expect(() => checkArtifactName(name, 4096, "test")).not.toThrow();
  });

  test.each([
    "",
    ".",
    "..",
    "./foo",
    "dir/../foo",
    "dir/./foo",
    "foo//bar",
    "foo/",
    "foo/.",
    "foo/..",
    "//foo",
    "/",
    "/../foo",
    "/./foo",
    "../",
    "../.",
    ".././foo",
    "../foo/../bar",
    "dir\\foo",
    "nul\0",
    "https://example.com/a/../b",
    "https://example.com//b",
    "file:./foo",
    "file:",
    "x:..",
  ])("%j is not", (name) => {
    expect(() => checkArtifactName(name, 4096, "test")).toThrow(refusal("path_not_normal"));
    expect(() => read({ materials: JSON.parse(`{${JSON.stringify(name)}:{"sha256":"${SHA256}"}}`) })).toThrow(
      refusal("path_not_normal"),
    );
  });

  test("4096 characters are a name and 4097 are not", () => {
    expect(() => checkArtifactName("x".repeat(4096), DEFAULT_LIMITS.nameLength, "test")).not.toThrow();
    expect(() => checkArtifactName("x".repeat(4097), DEFAULT_LIMITS.nameLength, "test")).toThrow(
      refusal("limit_exceeded"),
    );
  });

  test("a hostile name is checked in linear time", () => {
    const name = `${"../".repeat(1365)}x`;
    expect(() => checkArtifactName(name, 4096, "test")).not.toThrow();
    expect(() => checkArtifactName(`${name}/./`, 5000, "test")).toThrow(refusal("path_not_normal"));
  });
});

describe("digests", () => {
  test.each([
    [{ sha256: SHA256 }],
    [{ sha512: SHA256 + SHA256 }],
    [{ sha256: SHA256, md5: "0".repeat(32) }],
    [{ gitCommit: "0".repeat(40) }],
    [{ "sha3-256": SHA256 }],
    [{ dirHash1: "h1:abc=" }],
  ])("%j is taken", (digests) => {
    expect(products(digests)().products.get("f")).toEqual(new Map(Object.entries(digests)));
  });

  test.each([
    [{ sha256: SHA256.toUpperCase() }],
    [{ sha256: SHA256.slice(1) }],
    [{ sha256: `${SHA256}\n` }],
    [{ sha256: "" }],
    [{ sha512: SHA256 }],
    [{ other: "" }],
    [{ other: "two words" }],
    [{ "": SHA256 }],
    [{ sha256: SHA256, sha1: "x" }],
  ])("%j is refused", (digests) => {
    expect(products(digests)).toThrow(refusal("bad_artifact_digest"));
  });

  test.each([[{}], [{ md5: "0".repeat(32) }], [{ sha1: "0".repeat(40), md5: "0".repeat(32) }]])(
    "%j says too little",
    (digests) => {
      expect(products(digests)).toThrow(refusal("weak_artifact_digest"));
    },
  );

  test("32 digests are read and 33 are not (N-55)", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`alg${index}`, SHA256]));
    expect(products(many(32))().products.get("f")?.size).toBe(32);
    expect(products(many(33))).toThrow(refusal("limit_exceeded"));
  });

  test.each([[null], ["sha256"], [["sha256"]], [{ sha256: 1 }], [{ sha256: null }]])(
    "%j is no digest",
    (digests) => {
      expect(products(digests)).toThrow(refusal("wrong_type"));
    },
  );
});

describe("links", () => {
  test("defaults are empty, byproducts and environment are kept as they are", () => {
    expect(read({})).toEqual({
      name: "build",
      command: [],
      materials: new Map(),
      products: new Map(),
      byproducts: new Map(),
      environment: new Map(),
    });
    const byproducts = { stdout: "\u0000ÿ", "return-value": 0, nested: { a: [null, true] } };
    expect(read({ byproducts }).byproducts.get("stdout")).toBe("\u0000ÿ");
  });

  test.each([
    [{ _type: "layout" }, "wrong_document"],
    [{ _type: "https://in-toto.io/Statement/v1" }, "wrong_document"],
    [{ _type: "Link" }, "wrong_document"],
    [{ _type: null }, "wrong_document"],
    [{ name: 1 }, "wrong_type"],
    [{ name: "" }, "bad_name"],
    [{ name: "a/b" }, "bad_name"],
    [{ command: "make" }, "wrong_type"],
    [{ command: [1] }, "wrong_type"],
    [{ materials: [] }, "wrong_type"],
    [{ materials: null }, "wrong_type"],
    [{ products: "x" }, "wrong_type"],
    [{ byproducts: [] }, "wrong_type"],
    [{ environment: "x" }, "wrong_type"],
  ])("%j is refused as %s", (payload, code) => {
    expect(() => read(payload)).toThrow(refusal(code));
  });

  test.each(["name", "materials", "products"])("%s must be there", (missing) => {
    expect(() => read({ [missing]: undefined })).toThrow(refusal("missing_member"));
  });

  test("what the reader would refuse is not written either", () => {
    expect(() => writeLink(link("build", { "./a": "1" }, {}))).toThrow(refusal("path_not_normal"));
  });
});
