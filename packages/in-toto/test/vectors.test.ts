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
  authorizedFunctionaries,
  type LayoutRequest,
  type Owners,
  openDsse,
  readEnvelope,
  readLayout,
  readLink,
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

  test.each(["write-code.b7d643de.link", "package.d3ffd108.link"])("%s is by its functionary", (name) => {
    const authorized = authorizedFunctionaries(layout(), readEnvelope(vector(`in-toto-golang/${name}`)));
    const [step, keyId] = name.split(".");
    expect(authorized.step).toBe(step);
    expect(authorized.functionaries.map((one) => one.keyId.slice(0, 8))).toEqual([keyId]);
  });

  test("a link by a key of another step is not", () => {
    const dan = publicKeyFromPem(decodeUtf8(vector("in-toto-golang/dan.pub")));
    const envelope = readEnvelope(vector("in-toto-golang/foo.b7d643de.link"));
    const keys = new Map<KeyId, PublicKey>([[dan.keyId, dan]]);
    expect(signersOf(envelope, keys).map((one) => one.fingerprint)).toEqual([dan.fingerprint]);
    expect(() => authorizedFunctionaries(layout(), envelope)).toThrow(
      expect.objectContaining({ code: "unknown_step" }),
    );
  });

  test("inspections, certificates and sublayouts are refused with their own codes", () => {
    const links = evidence("write-code.b7d643de.link", "package.d3ffd108.link");
    const verdict = (name: string) =>
      verifyLayout({
        layoutEnvelope: vector(`in-toto-golang/${name}`),
        owners: alice(),
        evidence: links,
        digest: PACKAGED,
        time: NOW,
      });
    expect(new Set(verdict("demo.dsse.layout").reasons.map((reason) => reason.code))).toEqual(
      new Set(["unsupported_inspection"]),
    );
    expect(new Set(verdict("demo.layout").reasons.map((reason) => reason.code))).toEqual(
      new Set(["unsupported_inspection", "unsupported_certificate"]),
    );
    const sub = readEnvelope(vector("in-toto-golang/sub_layout.70ca5750.link"));
    expect(() => readLink(sub)).toThrow(expect.objectContaining({ code: "unsupported_sublayout" }));
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

  test("super.layout, signed and at its time, asks for a sublayout that is not verified yet", async () => {
    const olga = person();
    const { payload } = readEnvelope(vector("in-toto-golang/super.layout"));
    const at = async (time: string) =>
      verifyLayout({
        layoutEnvelope: await signPayload(payload, [olga], "metablock"),
        owners: owners(1, olga),
        evidence: evidence("sub_layout.70ca5750.link"),
        digest: PACKAGED,
        time: new Date(time),
      }).reasons.map(({ code, step }) => [code, step]);
    expect(await at("2021-03-06T11:54:24Z")).toEqual([["unsupported_sublayout", "sub_layout"]]);
    expect(await at("2021-03-06T11:54:25Z")).toEqual([["layout_expired", undefined]]);
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
