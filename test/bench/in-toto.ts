import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { generatePrivateKey, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { asObject, type Digest, fromPlain, parseDigest, type Sha256Hex } from "@stemma/encoding";
import {
  type LayoutRequest,
  type Owners,
  PREDICATES_VERSION,
  readEnvelope,
  signLink,
  signPayload,
  verifyLayout,
} from "@stemma/in-toto";
import { bestOf, type Figure } from "./report.ts";

/*
 * What in-toto costs beyond its signatures: artifact rules against large links, hostile ones included, and evidence
 * verified per second beside the bare signature checks of the same bytes.
 */

const FILES = 10_000;
const RULES = 100;
const EVIDENCE = 200;
const EXPIRES = "2099-01-01T00:00:00Z";
const TIME = new Date("2098-01-01T00:00:00Z");
const PROVENANCE = "https://slsa.dev/provenance/v1";

const owner = newSigner();
const builder = newSigner();
const owners: Owners = { keys: new Map([[owner.publicKey.keyId, owner.publicKey]]), threshold: 1 };

export async function inTotoFigures(): Promise<Figure[]> {
  return [...(await ruleFigures()), await linkFigure(), await attestationFigure()];
}

/** One link of 10,000 products against 100 rules, none of which is the last word but the closing one. */
async function ruleFigures(): Promise<Figure[]> {
  const names = Array.from({ length: FILES }, (_, n) => `out/${"aaaaaaaa/".repeat(3)}file-${n}.js`);
  const honest = Array.from({ length: RULES - 2 }, (_, n) => ["ALLOW", `out/part-${n}/*.js`]);
  // A matcher that goes back and tries again takes seconds for one name; most of these match none, by their last part.
  const kinds = [
    "*a*a*a*a*a*a*a*b",
    "*?*?*?*?*?*?*z",
    "*[!x]*[!x]*[!x]*[!x]*y*",
    "*aaaa*aaaa*aaaa*aaaab*",
    "*a*[a-z]*?z*js",
  ];
  const hostile = Array.from({ length: RULES - 2 }, (_, n) => ["ALLOW", kinds[n % kinds.length] as string]);
  const time = async (rules: readonly string[][]): Promise<number> => {
    const products = new Map(names.map((name) => [name, digests(name)]));
    const evidence = await signLink(
      { name: "build", command: [], materials: new Map(), products },
      [builder],
      "metablock",
    );
    const expected_products = [...rules, ["ALLOW", "out/*"], ["DISALLOW", "*"]];
    const layout = await signLayout({ expected_products, pubkeys: [builder.publicKey.keyId] });
    const withRules = await requestOf(layout, [evidence], names[0] as string);
    const without = await requestOf(
      await signLayout({ expected_products: [], pubkeys: [builder.publicKey.keyId] }),
      [evidence],
      names[0] as string,
    );
    const judge = (request: LayoutRequest) => () => allow(request);
    // The difference is the rules': both read and verify the same link.
    return Math.max(0, bestOf(5, 2, judge(withRules)) - bestOf(5, 2, judge(without)));
  };
  const goal = (value: number) => ({ words: "under 100 ms", met: value < 100 });
  const honestTime = await time(honest);
  const hostileTime = await time(hostile);
  const reference = {
    name: "startsWith on every name for every rule",
    value: bestOf(5, 2, () => {
      let found = 0;
      for (const [, pattern] of honest)
        for (const name of names) if (name.startsWith(pattern as string)) found += 1;
      return found;
    }),
  };
  return [
    {
      group: "in-toto",
      name: `${RULES} rules on a link of ${FILES.toLocaleString("en")} files`,
      value: honestTime,
      unit: "ms",
      reference,
      goal: goal(honestTime),
    },
    {
      group: "in-toto",
      name: `${RULES} hostile globs on the same`,
      value: hostileTime,
      unit: "ms",
      reference,
      goal: goal(hostileTime),
    },
  ];
}

/** Links of one step, each read, verified and sorted, in one verdict. */
async function linkFigure(): Promise<Figure> {
  const pieces = await Promise.all(
    Array.from({ length: EVIDENCE }, (_, n) =>
      signLink(
        {
          name: "build",
          command: ["make"],
          materials: new Map([[`src/${n}`, digests(`src/${n}`)]]),
          products: new Map([["app", digests("app")]]),
        },
        [builder],
      ),
    ),
  );
  const layout = await signLayout({ pubkeys: [builder.publicKey.keyId] });
  return perSecond("links", await requestOf(layout, pieces, "app"));
}

/** Attestations of SLSA provenance, their schema and an attribute of each checked. */
async function attestationFigure(): Promise<Figure> {
  const statement = (n: number) =>
    fromPlain({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "app", digest: Object.fromEntries(digests("app")) }],
      predicateType: PROVENANCE,
      predicate: {
        buildDefinition: {
          buildType: "https://example.com/make",
          externalParameters: { run: n },
          resolvedDependencies: [
            { uri: `git+https://example.com/${n}`, digest: Object.fromEntries(digests(`${n}`)) },
          ],
        },
        runDetails: { builder: { id: "https://ci" } },
      },
    });
  const pieces = await Promise.all(
    Array.from({ length: EVIDENCE }, (_, n) => signPayload(asObject(statement(n), "statement"), [builder])),
  );
  const layout = await signLayout({
    expected_predicates: [
      {
        predicateType: PROVENANCE,
        functionaries: [builder.publicKey.keyId],
        threshold: 1,
        expectedAttributes: [{ at: "/predicate/runDetails/builder/id", equals: "https://ci" }],
      },
    ],
  });
  return perSecond("attestations", await requestOf(layout, pieces, "app"));
}

function perSecond(what: string, request: LayoutRequest): Figure {
  const key = keyObject(builder);
  const checks = [...request.evidence.values()].map((bytes) => {
    const { message, signatures } = readEnvelope(bytes);
    return { message, signature: signatures[0]?.signature as Uint8Array };
  });
  const raw = (): void => {
    for (const { message, signature } of checks) {
      if (!verify(null, message, key, signature)) throw new Error("A signature does not verify.");
    }
  };
  const judged = bestOf(5, 3, () => allow(request));
  const bare = bestOf(5, 3, raw);
  return {
    group: "in-toto",
    name: `${what} read, verified and judged`,
    value: (EVIDENCE * 1000) / judged,
    unit: "/s",
    reference: { name: "their signatures alone in node:crypto", value: (EVIDENCE * 1000) / bare },
    goal: { words: "within 2×", met: judged <= bare * 2 },
  };
}

function allow(request: LayoutRequest): void {
  const verdict = verifyLayout(request);
  if (!verdict.ok) throw new Error(`It was denied: ${JSON.stringify(verdict.reasons)}`);
}

async function requestOf(
  layoutEnvelope: Uint8Array,
  evidence: readonly Uint8Array[],
  product: string,
): Promise<LayoutRequest> {
  const named = new Map<Sha256Hex, Uint8Array>(evidence.map((bytes) => [sha256(bytes), bytes]));
  const digest: Digest = parseDigest(`sha256:${sha256(Buffer.from(product))}`);
  return { layoutEnvelope, owners, evidence: named, digest, time: TIME };
}

function signLayout(step: Record<string, unknown>): Promise<Uint8Array> {
  const key = builder.publicKey;
  const payload = fromPlain({
    _type: "layout",
    expires: EXPIRES,
    readme: "",
    inspect: [],
    keys: new Map([[key.keyId as string, key.toJson()]]),
    steps: [
      {
        _type: "step",
        name: "build",
        threshold: 1,
        pubkeys: [],
        expected_materials: [],
        expected_products: [],
        expected_command: [],
        ...step,
      },
    ],
    ...("expected_predicates" in step ? { expected_predicates_version: PREDICATES_VERSION } : {}),
  });
  return signPayload(asObject(payload, "layout"), [owner]);
}

function digests(content: string): Map<string, string> {
  return new Map([["sha256", sha256(Buffer.from(content))]]);
}

function newSigner(): Signer {
  return signerFromPem(generatePrivateKey("ed25519"));
}

function keyObject({ publicKey }: Signer): KeyObject {
  return createPublicKey({ key: Buffer.from(publicKey.spki), format: "der", type: "spki" });
}
