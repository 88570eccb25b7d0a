/**
 * Documents on which Python, Go and Stemma are known to differ, with what each of them does: rows of docs/divergences.md,
 * section in-toto. A change in any of the three is a finding.
 */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  asObject,
  canonicalJson,
  decodeUtf8,
  encodeBase64,
  encodeHex,
  pae,
  parseJson,
  utf8,
  writeJson,
} from "@stemma/encoding";
import { PAYLOAD_TYPE, PREDICATES_VERSION } from "@stemma/in-toto";
import { fileOf, type Keys, Maker } from "./in-toto-documents.ts";
import {
  artifacts,
  type Case,
  type EvidencePlan,
  type Format,
  hash,
  layout,
  link,
  type Outcome,
  single,
  step,
  words,
} from "./in-toto-plan.ts";

// biome-ignore lint/suspicious/noExplicitAny: the documents are changed at will.
type Loose = any;

/** Changes that Stemma's own writers would refuse to make. */
interface Changes {
  /** Of payloads, before they are signed. */
  readonly layout?: (layout: Loose, keys: Keys) => void;
  readonly link?: (link: Loose, index: number) => void;
  /** Of the text of payloads, before they are signed. */
  readonly text?: (text: string) => string;
  /** Of envelopes, after they are signed. */
  readonly sealedLayout?: (envelope: Loose, keys: Keys) => void;
  readonly sealedLink?: (envelope: Loose, keys: Keys) => void;
  /** More files, from those that there are. */
  readonly more?: (files: Map<string, Uint8Array>, keys: Keys) => void;
}

export interface Divergence extends Case {
  readonly row: string;
  readonly outcomes: Readonly<Record<"python" | "go" | "stemma", Outcome>>;
  readonly changes: Changes;
  readonly ownerThreshold?: number;
}

/** What Python, Go and Stemma do: `a` accepts, `r` refuses. */
type Triple = `${"a" | "r"}${"a" | "r"}${"a" | "r"}`;

type Options = Partial<Case> & { readonly change?: Changes } & {
  readonly format?: Format;
  readonly products?: Record<string, string>;
  readonly rules?: string[][];
  readonly ownerThreshold?: number;
};

function row(id: string, triple: Triple, name: string, options: Options = {}): Divergence {
  const { change = {}, ownerThreshold, ...rest } = options;
  const [python, go, stemma] = [...triple].map((letter): Outcome => (letter === "a" ? "accepts" : "refuses"));
  const outcomes = { python, go, stemma } as Divergence["outcomes"];
  return {
    ...single(name, rest),
    row: id,
    outcomes,
    changes: change,
    ...(ownerThreshold === undefined ? {} : { ownerThreshold }),
  };
}

const [ALICE, BOB, OLGA] = ["alice-ed25519", "bob-ed25519", "olga-ed25519"];
const ALICE_ID = (keys: Keys): string => keys.id(ALICE, "modern");

/** other (bob), with its products, then build (alice), with the rules about its own. */
function two(
  rules: string[][],
  products: Record<string, string>,
  others: Record<string, string>,
): Partial<Case> {
  return {
    layout: layout(step("other", [BOB]), step("build", [ALICE], { products: rules })),
    evidence: [
      { step: "other", by: [BOB], link: link({}, others) },
      { step: "build", by: [ALICE], link: link({}, products) },
    ],
  };
}

/** Links by alice and by bob of one step that either may carry out. */
function either(first: EvidencePlan["link"], second: EvidencePlan["link"]): Partial<Case> {
  const evidence = [[ALICE, first] as const, [BOB, second] as const].flatMap(([person, content]) =>
    content === undefined ? [] : [{ step: "build", by: [person], link: content }],
  );
  return {
    layout: layout(step("build", [ALICE, BOB], { products: words("REQUIRE good") })),
    evidence,
  };
}

const products = (contents: Record<string, string>): Changes => ({
  link: (document, index) => {
    if (index === 0) document.products = artifacts(contents);
  },
});
const firstStep = (members: Loose): Changes => ({
  layout: (document) => Object.assign(document.steps[0], members),
});
const good = link({}, { good: "1" });
const bad = link({}, { bad: "1" });
const IN_SUB = words("MATCH f IN sub WITH PRODUCTS FROM other", "DISALLOW *");
const SUB_ABS = words("MATCH * IN sub WITH PRODUCTS FROM other", "DISALLOW *");
const LINK_V03 = "https://in-toto.io/attestation/link/v0.3";
const NAME = words("DISALLOW {NAME}");
const unsignedSublayout: EvidencePlan = {
  step: "build",
  by: [ALICE],
  layout: layout(step("inner", [BOB])),
  evidence: [],
};
const byCertificate = (roots: readonly string[], wanted: readonly string[]): Partial<Case> => ({
  ids: "legacy",
  layout: layout(step("build", [])),
  evidence: [{ step: "build", by: ["leaf"], link: link({}, { f: "1" }) }],
  certificate: {
    step: "build",
    roots,
    intermediates: ["intermediate"],
    constraint: {
      common_name: "*",
      dns_names: ["*"],
      emails: ["*"],
      organizations: ["*"],
      roots: wanted,
      uris: ["*"],
    },
  },
});

export const DIVERGENCES: readonly Divergence[] = [
  row("I-01", "rar", "an artifact outside the prefix of MATCH … IN", two(IN_SUB, { f: "1" }, { f: "1" })),
  row("I-02", "ara", "DISALLOW ./f, and there is f", { rules: words("DISALLOW ./f") }),
  row("I-02", "rar", "ALLOW ./f and nothing else, and there is f", {
    rules: words("ALLOW ./f", "DISALLOW *"),
  }),
  row("I-03", "aar", "an artifact ./f", { change: products({ "./f": "1" }) }),
  row("I-03", "arr", "an artifact ./f, and DISALLOW f", {
    change: products({ "./f": "1" }),
    rules: words("DISALLOW f"),
  }),
  row("I-04", "ara", "the first of two links satisfies the rules", either(good, bad)),
  row("I-04", "rra", "the second of two links satisfies the rules", either(bad, good)),
  row("I-06", "rrr", "REQUIRE ./f, and there is f", { rules: words("REQUIRE ./f") }),
  row("I-06", "rar", "REQUIRE f, and there is ./f", {
    change: products({ "./f": "1" }),
    rules: words("REQUIRE f"),
  }),
  row("I-07", "rar", "an artifact sub//abs under MATCH … IN sub", {
    ...two(SUB_ABS, { f: "1" }, { abs: "1" }),
    change: {
      link: (document) => {
        if (document.name === "build") document.products = artifacts({ "sub//abs": "1" });
      },
    },
  }),
  row("I-08", "rar", "DISALLOW [ab, and there is [ab", {
    products: { "[ab": "1" },
    rules: words("DISALLOW [ab"),
  }),
  row("I-08", "ara", "DISALLOW a\\*, and there is a*", {
    products: { "a*": "1" },
    rules: words("DISALLOW a\\*"),
  }),
  row("I-08", "rar", "DISALLOW [-x], and there is x", {
    products: { x: "1" },
    rules: words("DISALLOW [-x]"),
  }),
  row("I-09", "aar", "DISALLOW {NAME}, and no parameters", { rules: NAME }),
  row("I-09", "rar", "DISALLOW {NAME}, and another parameter", { rules: NAME, parameters: { OTHER: "x" } }),
  row("I-10", "rra", "one of two owners signed, by whom one is asked for", {
    owners: [OLGA, "oscar-ed25519"],
    signers: [OLGA],
    ownerThreshold: 1,
  }),
  row("I-11", "aar", "two links by one public key under two key ids, threshold 2", {
    change: {
      layout: (document, keys) => {
        const other = keys.id(ALICE, "legacy");
        document.keys[other] = { ...document.keys[ALICE_ID(keys)], keyid: other };
        document.steps[0].pubkeys.push(other);
        document.steps[0].threshold = 2;
      },
      more: (files, keys) => {
        const [from, to] = [ALICE_ID(keys), keys.id(ALICE, "legacy")];
        const text = decodeUtf8(files.get(fileOf("build", from)) ?? new Uint8Array());
        files.set(fileOf("build", to), utf8(text.replaceAll(from, to)));
      },
    },
  }),
  row("I-12", "aar", "a threshold of 0", { change: firstStep({ threshold: 0 }) }),
  row("I-12", "aar", "a threshold of -1", { change: firstStep({ threshold: -1 }) }),
  row("I-13", "aar", "a layout without steps", { layout: layout(), evidence: [] }),
  row("I-14", "aar", "another artifact than the one that was asked about", { digest: hash("2") }),
  row("I-15", "rra", "a member that is not known, in a metablock", {
    change: { layout: (it) => (it.x = "y") },
  }),
  row("I-15", "ara", "a member that is not known, in DSSE", {
    format: "dsse",
    change: { layout: (it) => (it.x = "y") },
  }),
  row("I-16", "rra", "a link in DSSE without a key id", {
    format: "dsse",
    change: { sealedLink: (it) => delete it.signatures[0].keyid },
  }),
  row("I-16", "raa", "a layout in DSSE without a key id", {
    format: "dsse",
    change: { sealedLayout: (it) => delete it.signatures[0].keyid },
  }),
  row("I-17", "rra", "a layout signed under the other key id of the owner's key", {
    change: {
      sealedLayout: (it, keys) => {
        it.signatures[0].keyid = keys.id(OLGA, "legacy");
      },
    },
  }),
  row("I-18", "aar", "an artifact without digests", { change: { link: (it) => (it.products.g = {}) } }),
  row("I-18", "aar", "an artifact with md5 only", {
    change: { link: (it) => (it.products.g = { md5: "0".repeat(32) }) },
  }),
  row("I-19", "rra", "a fraction in DSSE, in the last link", {
    format: "dsse",
    change: { link: (it) => (it.byproducts.seconds = 1.5) },
  }),
  row("I-19", "raa", "a fraction in DSSE, in an earlier link", {
    format: "dsse",
    ...two([], { f: "1" }, { g: "1" }),
    change: {
      link: (it) => {
        if (it.name === "other") it.byproducts.seconds = 1.5;
      },
    },
  }),
  row("I-20", "aar", "an inspection that succeeds", {
    change: {
      layout: (it) =>
        it.inspect.push({
          _type: "inspection",
          name: "look",
          expected_materials: [],
          expected_products: [],
          run: ["true"],
        }),
    },
  }),
  row("I-21", "ara", "an integer beyond 2^53, in a metablock", {
    change: { text: (text) => text.replace('"byproducts":{}', '"byproducts":{"n":9007199254740993}') },
  }),
  row("I-22", "rra", "keys that do not name themselves", {
    change: {
      layout: (it) => {
        for (const key of Object.values<Loose>(it.keys)) {
          delete key.keyid;
          delete key.keyid_hash_algorithms;
        }
      },
    },
  }),
  row("I-23", "rra", "a sublayout that is not satisfied beside a link that is", {
    layout: layout(step("build", [ALICE, BOB])),
    evidence: [unsignedSublayout, { step: "build", by: [BOB], link: link({}, { f: "1" }) }],
  }),
  row("I-24", "aar", "a link of another step, filed as this one's", {
    change: { link: (it) => (it.name = "other") },
  }),
  row("I-25", "ara", "a member in other letters, beside the one that is meant", {
    format: "dsse",
    rules: words("REQUIRE f", "ALLOW f", "DISALLOW *"),
    change: {
      text: (text) =>
        text.includes('"_type":"link"')
          ? text.replace(/\}$/, `,"Products":{"g":{"sha256":"${hash("1")}"}}}`)
          : text,
    },
  }),
  row("I-26", "aar", "a member twice", {
    format: "dsse",
    change: { text: (text) => text.replace('{"_type":"link"', '{"_type":"link","command":[]') },
  }),
  row("I-27", "rra", "the first of two signatures under one key id is wrong, in a metablock", {
    change: {
      sealedLink: (it) => it.signatures.unshift({ ...it.signatures[0], sig: "00".repeat(64) }),
    },
  }),
  row("I-27", "raa", "two signatures under one key id, in DSSE", {
    format: "dsse",
    change: { sealedLink: (it) => it.signatures.push(it.signatures[0]) },
  }),
  row("I-28", "aar", "a signature in upper-case hex", {
    change: {
      sealedLink: (it) => {
        it.signatures[0].sig = it.signatures[0].sig.toUpperCase();
      },
    },
  }),
  row("I-29", "rra", "an ECDSA signature as r and s", {
    layout: layout(step("build", ["alice-ecdsa-p256"])),
    evidence: [{ step: "build", by: ["alice-ecdsa-p256"], link: link({}, { f: "1" }) }],
    change: {
      sealedLink: (it) => {
        it.signatures[0].sig = encodeHex(rawEcdsa(Buffer.from(it.signatures[0].sig, "hex")));
      },
    },
  }),
  row("I-30", "raa", "a key of an unknown type that no step needs", {
    change: {
      layout: (it) => {
        const id = createHash("sha256").update("x").digest("hex");
        it.keys[id] = {
          keyid: id,
          keyid_hash_algorithms: ["sha256"],
          keytype: "lattice",
          keyval: { public: "00" },
          scheme: "lattice",
        };
      },
    },
  }),
  row("I-31", "ara", "doubled braces, with parameters", {
    rules: [
      ["ALLOW", "{{f}}"],
      ["ALLOW", "{NAME}"],
      ["DISALLOW", "*"],
    ],
    products: { "{f}": "1", g: "2" },
    parameters: { NAME: "g" },
  }),
  row("I-31", "aar", "a placeholder with a format, in a rule that need not hold", {
    rules: words("ALLOW {NAME:>3}"),
    parameters: { NAME: "f" },
  }),
  row("I-32", "rar", "two steps of one name", {
    change: { layout: (it) => it.steps.push({ ...it.steps[0] }) },
  }),
  row("I-33", "aar", "a key that comes with its private half", {
    change: {
      layout: (it, keys) => {
        it.keys[ALICE_ID(keys)].keyval.private = "00".repeat(32);
      },
    },
  }),
  row("I-34", "arr", "a step named by a path", {
    layout: layout(step("build", [ALICE])),
    change: {
      layout: (it) => {
        it.steps[0].name = "a/b";
      },
      link: (it) => {
        it.name = "a/b";
      },
      more: (files, keys) => {
        const name = fileOf("build", ALICE_ID(keys));
        files.set(`a/${name.replace("build", "b")}`, files.get(name) ?? new Uint8Array());
        files.delete(name);
      },
    },
  }),
  row("I-35", "rra", "a link without its environment, in a metablock", {
    change: { link: (it) => delete it.environment },
  }),
  row("I-35", "ara", "a link without its environment, in DSSE", {
    format: "dsse",
    change: { link: (it) => delete it.environment },
  }),
  row("I-36", "raa", "null where there are no rules, as Go writes it", {
    change: firstStep({ expected_materials: null, expected_products: null, expected_command: null }),
  }),
  row("I-36", "raa", "null for the command of a link, as Go writes it", {
    change: {
      link: (it) => {
        it.command = null;
      },
    },
  }),
  row("I-37", "rar", "MATCH … WITH something else", {
    change: firstStep({ expected_products: words("MATCH f WITH BYPRODUCTS FROM build") }),
  }),
  row("I-38", "rar", "an expiry with a fraction of a second", {
    change: { layout: (it) => (it.expires = "2040-01-01T00:00:00.5Z") },
  }),
  row(
    "I-39",
    "rra",
    "a step pinned to one of two authorities, which anchors the certificate",
    byCertificate(["root", "other"], ["root"]),
  ),
  row("I-40", "rra", "a link in DSSE by certificate", {
    ...byCertificate(["root"], ["root"]),
    format: "dsse",
  }),
  row("I-40", "rra", "a certificate's signature under the modern key id", {
    ...byCertificate(["root"], ["root"]),
    ids: "modern",
  }),
  row("I-41", "rra", "a step that expects attestations", {
    format: "dsse",
    change: {
      layout: (it, keys) => {
        it.expected_predicates_version = PREDICATES_VERSION;
        Object.assign(it.steps[0], {
          pubkeys: [],
          expected_predicates: [{ predicateType: LINK_V03, functionaries: [ALICE_ID(keys)], threshold: 1 }],
        });
      },
      link: (it) => {
        for (const name of Object.keys(it)) delete it[name];
        Object.assign(it, {
          _type: "https://in-toto.io/Statement/v1",
          subject: [{ name: "f", digest: { sha256: hash("1") } }],
          predicateType: LINK_V03,
          predicate: { name: "build", materials: [] },
        });
      },
    },
  }),
];

/** r and s with a fixed length each, from the DER of both. */
function rawEcdsa(der: Uint8Array): Uint8Array {
  const raw = new Uint8Array(64);
  let at = 2;
  for (const half of [0, 32]) {
    const length = der[at + 1] ?? 0;
    const digits = der.subarray(at + 2, at + 2 + length).subarray(-32);
    raw.set(digits, half + 32 - digits.length);
    at += 2 + length;
  }
  return raw;
}

/** Writes the documents of a row: made as Stemma makes them, then changed, and signed as they are. */
export async function writeDivergence(folder: string, item: Divergence, keys: Keys): Promise<void> {
  const { changes } = item;
  const files = new Map<string, Uint8Array>();
  const seal = async (
    document: Loose,
    format: Format,
    people: readonly string[],
    after: ((envelope: Loose, keys: Keys) => void) | undefined,
  ): Promise<Uint8Array> => {
    const text = (changes.text ?? ((same: string) => same))(JSON.stringify(document));
    const signatures: Loose[] = [];
    for (const person of people) {
      const signer = await keys.signer(person);
      const message =
        format === "dsse" ? pae(PAYLOAD_TYPE, utf8(text)) : canonicalJson(parseJson(utf8(text)));
      const signature = await signer.sign(message);
      signatures.push({
        keyid: keys.id(person, item.ids),
        sig: format === "dsse" ? encodeBase64(signature) : encodeHex(signature),
        ...(keys.hasCertificate(person) ? { cert: await keys.certificate(person) } : {}),
      });
    }
    const envelope =
      format === "dsse"
        ? { payload: encodeBase64(utf8(text)), payloadType: PAYLOAD_TYPE, signatures }
        : { signatures, signed: "PAYLOAD" };
    after?.(envelope, keys);
    return utf8(JSON.stringify(envelope).replace('"PAYLOAD"', () => text));
  };
  const maker = new Maker(keys);
  const document = JSON.parse(decodeUtf8(writeJson(await maker.layoutPayload(item.layout, item))));
  changes.layout?.(document, keys);
  const signers = item.signers ?? item.owners;
  files.set("root.layout", await seal(document, item.layoutFormat, signers, changes.sealedLayout));
  for (const [index, piece] of item.evidence.entries()) {
    const payload =
      piece.layout === undefined ? maker.linkPayload(piece) : await maker.layoutPayload(piece.layout, item);
    const plain = JSON.parse(decodeUtf8(writeJson(asObject(payload, "payload"))));
    if (piece.layout === undefined) changes.link?.(plain, index);
    const bytes = await seal(plain, item.linkFormat, piece.by, changes.sealedLink);
    for (const person of piece.by) files.set(fileOf(piece.step, keys.id(person, item.ids)), bytes);
  }
  changes.more?.(files, keys);
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
}
