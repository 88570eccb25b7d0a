import { createPublicKey } from "node:crypto";
import { expect, test } from "@jest/globals";
import {
  asKeyId,
  type KeyId,
  type PublicKey,
  publicKeyFromObject,
  publicKeyFromPem,
  sha256,
} from "@stemma/crypto";
import {
  asObject,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  parseDigest,
  parseJson,
  type Sha256Hex,
} from "@stemma/encoding";
import {
  authorizeEvidence,
  DEFAULT_LIMITS,
  Evidence,
  type Inspector,
  type LayoutRequest,
  type Owners,
  openDsse,
  readEnvelope,
  readLayout,
  signersOf,
  signPayload,
  verifyLayout,
} from "../src/index.ts";
import { owners, person } from "./support/chain.ts";
import { describeWithVectors, vector } from "./support/vectors.ts";

const ALICE_LEGACY = "70ca5750c2eda80b18f41f4ec5f92146789b5d68dd09577be422a0159bd13680";
const PACKAGED = parseDigest("sha256:0c5c56be1f4d8707fe981f07b0d35a4a1a50e898e3ebc8b1fa12c7c6f364bb7b");
const NOW = new Date("2026-11-24T00:00:00Z");

function alice(label: string = ALICE_LEGACY): Owners {
  const key = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/alice.pub")));
  return { keys: new Map([[asKeyId(label, "test"), key]]), threshold: 1 };
}

function evidence(...names: string[]): Map<Sha256Hex, Uint8Array> {
  return new Map(
    names.map((name) => {
      const bytes = vector(`in-toto-golang/${name}`);
      return [sha256(bytes), bytes];
    }),
  );
}

describeWithVectors("in-toto-golang", "in-toto-golang: a DSSE layout with three DSSE links", () => {
  const links = [
    "clone-dsse.776a00e2.link",
    "update-version-dsse.776a00e2.link",
    "package-dsse.2f89b927.link",
  ];
  const request = (): LayoutRequest => ({
    layoutEnvelope: vector("in-toto-golang/dsse-only.root.layout"),
    owners: alice(),
    evidence: evidence(...links),
    digest: PACKAGED,
    time: NOW,
  });

  test("verifies in full", () => {
    const verdict = verifyLayout(request());
    expect(verdict.reasons).toEqual([]);
    expect(verdict.ok).toBe(true);
    expect(verdict.products).toEqual(["demo-project.tar.gz"]);
    expect(
      verdict.steps.map((step) => [step.name, step.functionaries.map((one) => one.keyId.slice(0, 8))]),
    ).toEqual([
      ["clone-dsse", ["776a00e2"]],
      ["update-version-dsse", ["776a00e2"]],
      ["package-dsse", ["2f89b927"]],
    ]);
    expect(verdict.layout?.expires).toBe("2030-06-03T13:25:20Z");
    expect(verdict.warnings).toEqual([]);
    expect(verdict.setAside).toEqual([]);
  });

  test("takes the owner's modern key id for the legacy one of the envelope", () => {
    const modern = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/alice.pub"))).keyId;
    expect(modern.slice(0, 8)).toBe("d1c15930");
    expect(verifyLayout({ ...request(), owners: alice(modern) }).ok).toBe(true);
  });

  test.each(links)("denies without %s", (missing) => {
    const rest = evidence(...links.filter((name) => name !== missing));
    const verdict = verifyLayout({ ...request(), evidence: rest });
    expect(verdict.ok).toBe(false);
    expect(verdict.reasons.map((reason) => [reason.code, reason.step])).toEqual([
      ["link_missing", missing.split(".")[0]],
    ]);
  });

  test("denies another artifact", () => {
    const digest = parseDigest(`sha256:${"0".repeat(64)}`);
    expect(verifyLayout({ ...request(), digest }).reasons.map((reason) => reason.code)).toEqual([
      "product_mismatch",
    ]);
  });

  test("denies at the moment of expiry and not a second before", () => {
    const at = (time: string) => verifyLayout({ ...request(), time: new Date(time) });
    expect(at("2030-06-03T13:25:19Z").ok).toBe(true);
    expect(at("2030-06-03T13:25:20Z").reasons.map((reason) => reason.code)).toEqual(["layout_expired"]);
  });

  test("denies when another key owns the project", () => {
    const dan = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/dan.pub")));
    const owners: Owners = { keys: new Map([[dan.keyId, dan]]), threshold: 1 };
    expect(verifyLayout({ ...request(), owners }).reasons.map((reason) => reason.code)).toEqual([
      "layout_threshold_not_met",
    ]);
  });
});

describeWithVectors("in-toto-golang", "in-toto-golang: metablock links", () => {
  const layout = () => readLayout(readEnvelope(vector("in-toto-golang/demo.layout")));
  const authorize = (name: string) => {
    const bytes = vector(name);
    const trust = { time: NOW, keyless: undefined, limits: DEFAULT_LIMITS };
    return authorizeEvidence(layout(), new Evidence(sha256(bytes), bytes, DEFAULT_LIMITS), trust);
  };

  test.each(["write-code.b7d643de.link", "package.d3ffd108.link"])("%s is by its functionary", (name) => {
    const authorized = authorize(`in-toto-golang/${name}`);
    const [step, keyId] = name.split(".");
    expect(authorized.step).toBe(step);
    expect(authorized.functionaries.map((one) => one.keyId.slice(0, 8))).toEqual([keyId]);
  });

  test("a link by a key of another step is not", () => {
    const dan = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/dan.pub")));
    const envelope = readEnvelope(vector("in-toto-golang/foo.b7d643de.link"));
    const keys = new Map<KeyId, PublicKey>([[dan.keyId, dan]]);
    expect(signersOf(envelope, keys).map((one) => one.fingerprint)).toEqual([dan.fingerprint]);
    expect(() => authorize("in-toto-golang/foo.b7d643de.link")).toThrow(
      expect.objectContaining({ code: "unknown_step" }),
    );
  });

  const FOO = parseDigest("sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355");
  const links = ["write-code.b7d643de.link", "package.d3ffd108.link"];
  /** What `tar xfz foo.tar.gz` finds in an empty folder with that one file. */
  const untar: Inspector = ({ run }) => {
    if (run.join(" ") !== "tar xfz foo.tar.gz") return undefined;
    const archive = new Map([["sha256", FOO.slice(7)]]);
    const file = new Map([["sha256", "74dc3727c6e89308b39e4dfedf787e37841198b1fa165a27c013544a60502549"]]);
    return {
      materials: new Map([["foo.tar.gz", archive]]),
      products: new Map([
        ["foo.tar.gz", archive],
        ["foo.py", file],
      ]),
    };
  };
  const demo = (changes: Partial<LayoutRequest> = {}) =>
    verifyLayout({
      layoutEnvelope: vector("in-toto-golang/demo.dsse.layout"),
      owners: alice(),
      evidence: evidence(...links),
      digest: FOO,
      time: NOW,
      inspect: untar,
      ...changes,
    });

  test.each(["demo.dsse.layout", "demo.layout"])(
    "%s verifies with its inspection, and not without",
    (name) => {
      const layoutEnvelope = vector(`in-toto-golang/${name}`);
      const verdict = demo({ layoutEnvelope });
      expect(verdict.reasons).toEqual([]);
      expect(verdict.inspections).toMatchObject([{ name: "untar", run: ["tar", "xfz", "foo.tar.gz"] }]);
      const inspect: Inspector = () => undefined;
      expect(demo({ layoutEnvelope, inspect }).reasons.map((reason) => reason.code)).toEqual([
        "unsupported_inspection",
      ]);
    },
  );

  test("an inspection that finds something else fails by its rule", () => {
    const inspect: Inspector = (inspection) => {
      const found = untar(inspection);
      const other = new Map([["sha256", "0".repeat(64)]]);
      return found && { ...found, products: new Map([...found.products, ["foo.py", other]]) };
    };
    expect(demo({ inspect }).reasons).toMatchObject([
      { code: "rule_failed", step: "untar", ruleList: "products", artifacts: ["foo.py"] },
    ]);
  });

  test("the steps of demo.dsse.layout hold, once its inspection is taken out and it is signed again", async () => {
    const olga = person();
    const payload = new Map(readEnvelope(vector("in-toto-golang/demo.dsse.layout")).payload).set(
      "inspect",
      [],
    );
    const verdict = verifyLayout({
      layoutEnvelope: await signPayload(payload, [olga]),
      owners: owners(1, olga),
      evidence: evidence("write-code.b7d643de.link", "package.d3ffd108.link"),
      digest: parseDigest("sha256:52947cb78b91ad01fe81cd6aef42d1f6817e92b9e6936c1e5aabb7c98514f355"),
      time: NOW,
    });
    expect(verdict.reasons).toEqual([]);
    expect(verdict.products).toEqual(["foo.tar.gz"]);
    expect(verdict.warnings).toEqual([]);
  });

  test("super.layout, signed and at its time, verifies by its sublayout", async () => {
    const olga = person();
    const { payload } = readEnvelope(vector("in-toto-golang/super.layout"));
    const layoutEnvelope = await signPayload(payload, [olga], "metablock");
    const at = (time: string, names: readonly string[], changes: Partial<LayoutRequest> = {}) =>
      demo({
        layoutEnvelope,
        owners: owners(1, olga),
        evidence: evidence("sub_layout.70ca5750.link", ...names),
        time: new Date(time),
        ...changes,
      });
    const verdict = at("2021-03-06T11:54:24Z", links);
    expect(verdict.reasons).toEqual([]);
    expect(verdict.products).toEqual(["foo.tar.gz"]);
    expect(verdict.steps[0]?.sublayouts?.[0]?.steps.map(({ name }) => name)).toEqual([
      "write-code",
      "package",
    ]);
    const codes = (denied: typeof verdict) => denied.reasons.map(({ code, step }) => [code, step]);
    expect(codes(at("2021-03-06T11:54:24Z", links.slice(0, 1)))).toEqual([
      ["sublayout_failed", "sub_layout"],
    ]);
    const inspect: Inspector = () => undefined;
    expect(codes(at("2021-03-06T11:54:24Z", links, { inspect }))).toEqual([
      ["sublayout_failed", "sub_layout"],
    ]);
    expect(codes(at("2021-03-06T11:54:25Z", links))).toEqual([["layout_expired", undefined]]);
  });

  test("canonical-test.link is canonicalised with its control character raw", () => {
    const { message } = readEnvelope(vector("in-toto-golang/canonical-test.link"));
    expect(decodeUtf8(message)).toBe(
      '{"_type":"link","byproducts":{},"command":[],"environment":{"a":"WTF","b":true,"c":false,"d":null,"e":1,"f":"\u001b\uFFFFF\\\\n\\""},"materials":{},"name":"test","products":{}}',
    );
  });
});

describeWithVectors("dsse", "DSSE protocol vector", () => {
  const file = () => {
    const text = decodeUtf8(vector("dsse/protocol-vector.json"));
    return JSON.parse(text) as {
      publicKey: { xDecimal: string; yDecimal: string };
      pae: string;
      envelope: object;
    };
  };
  const open = () => openDsse(asObject(parseJson(Buffer.from(JSON.stringify(file().envelope))), "test"));

  test("the signed bytes are the vector's", () => {
    expect(decodeUtf8(open().message)).toBe(file().pae);
  });

  test("its raw r‖s signature without a key id is found", () => {
    const coordinate = (decimal: string) =>
      encodeBase64(Buffer.from(BigInt(decimal).toString(16).padStart(64, "0"), "hex"))
        .replaceAll("+", "-")
        .replaceAll("/", "_")
        .replace("=", "");
    const { xDecimal, yDecimal } = file().publicKey;
    const jwk = { kty: "EC", crv: "P-256", x: coordinate(xDecimal), y: coordinate(yDecimal) };
    const key = publicKeyFromObject(createPublicKey({ key: jwk, format: "jwk" }));
    expect(signersOf(open(), new Map([[key.keyId, key]])).map((one) => one.fingerprint)).toEqual([
      key.fingerprint,
    ]);
    expect(encodeHex(open().body)).toBe(encodeHex(Buffer.from("hello world")));
  });
});
