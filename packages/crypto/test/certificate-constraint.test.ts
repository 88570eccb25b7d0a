import { describe, expect, test } from "@jest/globals";
import { anchorsOf, type CertificateConstraint, readCertificate, unmetConstraint } from "@stemma/crypto";
import fc from "fast-check";
import { DURING, makeCertificate } from "./support/certificates.ts";

const ANYTHING: CertificateConstraint = {
  commonName: "*",
  dnsNames: ["*"],
  emails: ["*"],
  organizations: ["*"],
  roots: ["*"],
  uris: ["*"],
};

/** A certificate with values of one attribute, given as the metadata names it. */
function certificateWith(attribute: string, values: readonly string[]) {
  const kinds: Readonly<Record<string, string>> = { dns_names: "dns", emails: "email", uris: "uri" };
  const kind = kinds[attribute];
  const { pem } = makeCertificate({
    subject: {
      ...(attribute === "common_name" ? { commonName: values } : {}),
      ...(attribute === "organizations" ? { organization: values } : {}),
    },
    ...(kind !== undefined && values.length > 0 ? { sans: values.map((value) => `${kind}:${value}`) } : {}),
    key: "ed25519",
  });
  return readCertificate(pem, "cert");
}

describe.each([
  ["dns_names", "dnsNames"],
  ["emails", "emails"],
  ["organizations", "organizations"],
  ["uris", "uris"],
] as const)("%s", (attribute, member) => {
  test.each<[string, string[], string[], boolean]>([
    ["anything, of nothing", ["*"], [], true],
    ["anything, of two", ["*"], ["a", "b"], true],
    ["absent, of nothing", [], [], true],
    ["absent, of one", [], ["a"], false],
    ["the empty text, of nothing", [""], [], true],
    ["the empty text, of one", [""], ["a"], false],
    ["the same one", ["a"], ["a"], true],
    ["another one", ["a"], ["b"], false],
    ["one in other letters", ["a"], ["A"], false],
    ["one of none", ["a"], [], false],
    ["two in another order", ["a", "b"], ["b", "a"], true],
    ["more than the constraint has", ["a"], ["a", "b"], false],
    ["fewer than the constraint has", ["a", "b"], ["a"], false],
    ["twice in the constraint", ["a", "a"], ["a"], true],
    ["twice in the certificate", ["a"], ["a", "a"], false],
    ["one for another", ["a", "b"], ["a", "a"], false],
    ["a star among others, which is itself", ["*", "a"], ["b", "a"], false],
    ["the empty text among others, which nothing has", ["", "a"], ["a"], false],
    ["the empty text among others, of nothing", ["", "a"], [], false],
    ["part of a value", ["a"], ["ab"], false],
  ])("%s", (_name, allowed, values, met) => {
    const unmet = unmetConstraint({ ...ANYTHING, [member]: allowed }, certificateWith(attribute, values), [
      "root",
    ]);
    if (met) expect(unmet).toBeUndefined();
    else expect(unmet).toMatchObject({ attribute });
  });

  test("are met exactly by the same set, in any order", () => {
    const words = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d"), { maxLength: 4 });
    fc.assert(
      fc.property(words, words, (allowed, values) => {
        const unmet = unmetConstraint(
          { ...ANYTHING, [member]: allowed },
          certificateWith(attribute, values),
          ["root"],
        );
        expect(unmet === undefined).toBe(allowed.toSorted().join() === values.toSorted().join());
      }),
    );
  });
});

describe("common_name", () => {
  test.each<[string, string, string[], boolean]>([
    ["anything, of nothing", "*", [], true],
    ["anything, of one", "*", ["a"], true],
    ["absent, of nothing", "", [], true],
    ["absent, of one", "", ["a"], false],
    ["the same", "a", ["a"], true],
    ["another", "a", ["b"], false],
    ["one of none", "a", [], false],
    ["the first of two", "a", ["a", "b"], false],
    ["the last of two", "b", ["a", "b"], false],
  ])("%s", (_name, commonName, values, met) => {
    const unmet = unmetConstraint({ ...ANYTHING, commonName }, certificateWith("common_name", values), [
      "root",
    ]);
    expect(unmet?.attribute).toBe(met ? undefined : "common_name");
  });
});

describe("roots", () => {
  const [one, two] = ["one", "two"].map((commonName) =>
    makeCertificate({ subject: { commonName }, ca: true }),
  );
  if (one === undefined || two === undefined) throw new Error("There are two roots.");
  const roots = new Map(
    [one, two].map(({ pem }, index) => [["one", "two"][index] ?? "", readCertificate(pem, "root")]),
  );
  const leaf = readCertificate(makeCertificate({ subject: { commonName: "leaf" }, issuer: two }).pem, "leaf");
  const anchors = anchorsOf(leaf, [], roots, DURING);

  test.each<[string, string[], boolean]>([
    ["any root", ["*"], true],
    ["the one that vouches for it", ["two"], true],
    ["the other one", ["one"], false],
    ["either", ["one", "two"], true],
    ["no root", [], false],
    ["the empty text", [""], false],
    ["a star among others", ["*", "one"], false],
  ])("%s", (_name, allowed, met) => {
    expect(anchors).toEqual(["two"]);
    expect(unmetConstraint({ ...ANYTHING, roots: allowed }, leaf, anchors)?.attribute).toBe(
      met ? undefined : "roots",
    );
  });

  test("nothing is met where no root vouches for the certificate", () => {
    for (const allowed of [["*"], ["one"], []]) {
      expect(unmetConstraint({ ...ANYTHING, roots: allowed }, leaf, [])).toMatchObject({
        attribute: "roots",
      });
    }
  });

  test("one of several anchors suffices", () => {
    expect(unmetConstraint({ ...ANYTHING, roots: ["one"] }, leaf, ["two", "one"])).toBeUndefined();
  });
});

describe("says in words", () => {
  const certificate = certificateWith("organizations", ["b", 'c"']);

  test("what was expected and found", () => {
    expect(unmetConstraint({ ...ANYTHING, organizations: ["a", "b"] }, certificate, ["root"])).toEqual({
      attribute: "organizations",
      expected: '"a", "b"',
      found: '"b", "c\\""',
    });
    expect(unmetConstraint({ ...ANYTHING, organizations: [""] }, certificate, ["root"])).toMatchObject({
      expected: "nothing",
    });
    expect(unmetConstraint({ ...ANYTHING, commonName: "leaf" }, certificate, ["root"])).toEqual({
      attribute: "common_name",
      expected: '"leaf"',
      found: "nothing",
    });
    expect(unmetConstraint({ ...ANYTHING, roots: ["a", "b"] }, certificate, ["c"])).toEqual({
      attribute: "roots",
      expected: '"a" or "b"',
      found: '"c"',
    });
    expect(unmetConstraint(ANYTHING, certificate, [])).toEqual({
      attribute: "roots",
      expected: "any root of the layout",
      found: "nothing",
    });
  });

  test("no more than a message can hold", () => {
    const long = certificateWith(
      "organizations",
      Array.from({ length: 30 }, (_, index) => `${index} ${"x".repeat(100)}`),
    );
    const unmet = unmetConstraint({ ...ANYTHING, organizations: ["y".repeat(5000)] }, long, ["root"]);
    expect(unmet?.found.length).toBeLessThan(1200);
    expect(unmet?.expected.length).toBeLessThan(150);
  });
});
