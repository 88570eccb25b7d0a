/**
 * What every implementation of in-toto is asked to make and to verify: layouts, links, and what must come of them. Each
 * side makes all of it with its own library, and verifies what the others made.
 */
import { generatePrivateKey, type KeyKind, type Signer, sha256, signerFromPem } from "@stemma/crypto";
import { utf8 } from "@stemma/encoding";

export type Format = "metablock" | "dsse";
/** Key ids as Stemma writes them, as present Python computes them (another one for keys in PEM), or as Go does. */
export type Ids = "modern" | "python" | "legacy";
export type Outcome = "accepts" | "refuses";
/** The sha256 of artifacts by their names. */
export type Digests = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface StepPlan {
  readonly name: string;
  readonly threshold: number;
  readonly functionaries: readonly string[];
  readonly materials: readonly (readonly string[])[];
  readonly products: readonly (readonly string[])[];
  readonly command: readonly string[];
}

export interface LayoutPlan {
  readonly expires: string;
  readonly readme: string;
  readonly steps: readonly StepPlan[];
}

export interface LinkPlan {
  readonly command: readonly string[];
  readonly materials: Digests;
  readonly products: Digests;
  readonly byproducts: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, unknown>>;
}

/** A link or a sublayout for a step, in a file for each of its signers. */
export interface EvidencePlan {
  readonly step: string;
  readonly by: readonly string[];
  readonly link?: LinkPlan;
  /** Recorded by the implementation's own means: while the command runs, or before and after there is one. */
  readonly run?: boolean;
  readonly layout?: LayoutPlan;
  readonly evidence?: readonly EvidencePlan[];
}

/** What a stranger does to the documents after they are signed. */
export interface Spoil {
  readonly kind: "replace" | "remove" | "pretend";
  /** The step whose link is meant; the layout when there is none. */
  readonly step?: string;
  /** Whose link it is. */
  readonly by?: string;
  readonly from?: string;
  readonly to?: string;
}

/** A functionary by certificate, as in-toto-golang has them. */
export interface CertificatePlan {
  readonly step: string;
  readonly roots: readonly string[];
  readonly intermediates: readonly string[];
  readonly constraint: Readonly<Record<string, unknown>>;
}

export interface Case {
  readonly name: string;
  readonly outcome: Outcome;
  readonly layoutFormat: Format;
  readonly linkFormat: Format;
  readonly ids: Ids;
  readonly owners: readonly string[];
  /** Who signs the layout, where that is not its owners. */
  readonly signers?: readonly string[];
  readonly layout: LayoutPlan;
  readonly evidence: readonly EvidencePlan[];
  readonly parameters?: Readonly<Record<string, string>>;
  /** sha256 of the artifact that Stemma is asked about. */
  readonly digest: string;
  readonly spoil?: Spoil;
  readonly certificate?: CertificatePlan;
  /** Implementations that cannot make or verify it, with the reason. */
  readonly without?: Readonly<Record<string, string>>;
  /** Implementations that make of it what nobody can read, themselves included, with the reason. */
  readonly broken?: Readonly<Record<string, string>>;
}

export interface KeyPlan {
  readonly kind: KeyKind;
  readonly scheme: string;
  readonly modern: string;
  readonly python: string;
  readonly legacy: string;
}

export interface Plan {
  readonly keys: Readonly<Record<string, KeyPlan>>;
  readonly cases: readonly Case[];
}

export const NEVER = "2040-01-01T00:00:00Z";
const FORMATS = ["metablock", "dsse"] as const;
const KINDS = ["ed25519", "ecdsa-p256", "rsa"] as const;
const PEOPLE = ["olga", "oscar", "alice", "bob", "carl", "mallory"] as const;

/** A key of every kind for everybody, named `alice-rsa`. */
export function makeKeys(): Map<
  string,
  { readonly kind: KeyKind; readonly pem: string; readonly signer: Signer }
> {
  const keys = new Map<string, { kind: KeyKind; pem: string; signer: Signer }>();
  const add = (name: string, kind: KeyKind): void => {
    const pem = generatePrivateKey(kind);
    keys.set(name, { kind, pem, signer: signerFromPem(pem) });
  };
  for (const person of PEOPLE) add(`${person}-ed25519`, "ed25519");
  for (const kind of ["ecdsa-p256", "rsa"] as const) {
    for (const person of ["olga", "alice", "bob", "carl"]) add(`${person}-${kind}`, kind);
  }
  for (const kind of ["ecdsa-p384", "ecdsa-p521"] as const) add(`alice-${kind}`, kind);
  return keys;
}

export const hash = (content: string): string => sha256(utf8(content));

/** Artifacts by name, from their contents. */
export function artifacts(contents: Record<string, string>): Digests {
  return Object.fromEntries(
    Object.entries(contents).map(([name, content]) => [name, { sha256: hash(content) }]),
  );
}

export const words = (...lines: readonly string[]): string[][] => lines.map((line) => line.split(" "));

export function step(name: string, functionaries: readonly string[], more: Partial<StepPlan> = {}): StepPlan {
  return { name, threshold: 1, functionaries, materials: [], products: [], command: [], ...more };
}

export function layout(...steps: readonly StepPlan[]): LayoutPlan {
  return { expires: NEVER, readme: "", steps };
}

export function link(
  materials: Record<string, string>,
  products: Record<string, string>,
  more: Partial<LinkPlan> = {},
): LinkPlan {
  return {
    command: [],
    materials: artifacts(materials),
    products: artifacts(products),
    byproducts: {},
    environment: {},
    ...more,
  };
}

/** source → build, by two of three → package, with every kind of rule. */
function chain(
  kind: string,
  changes: Partial<Record<"build" | "package", Partial<StepPlan>>> = {},
): LayoutPlan {
  const [alice, bob, carl] = [`alice-${kind}`, `bob-${kind}`, `carl-${kind}`];
  return {
    ...layout(
      step("source", [alice], { products: words("create src/*", "CREATE README", "DISALLOW *") }),
      step("build", [alice, bob, carl], {
        threshold: 2,
        materials: words(
          "MATCH * IN work WITH PRODUCTS IN src FROM source",
          "MATCH README WITH products FROM source",
          "DELETE old.?",
          "DISALLOW *",
        ),
        products: words(
          "REQUIRE app",
          "CREATE app",
          "MODIFY work/util.c",
          "MATCH main.c IN work WITH MATERIALS IN work FROM build",
          "ALLOW README",
          "DISALLOW *",
        ),
        command: ["make", "-j", "2"],
        ...changes.build,
      }),
      step("package", [carl], {
        materials: words("MATCH app WITH PRODUCTS FROM build", "DISALLOW *"),
        products: words("CREATE out/*.tgz", "ALLOW [!o]*", "DISALLOW *"),
        ...changes.package,
      }),
    ),
    readme: "Built from source, by two.",
  };
}

const SOURCE = link({}, { "src/main.c": "main", "src/util.c": "util", README: "read me" });
const BUILD = link(
  { "work/main.c": "main", "work/util.c": "util", README: "read me", "old.o": "object" },
  { "work/main.c": "main", "work/util.c": "patched", README: "read me", app: "binary" },
  {
    command: ["make", "-j", "2"],
    byproducts: { stdout: "cc", stderr: "", "return-value": 0 },
    environment: { workdir: "/src" },
  },
);
const PACKAGE = link({ app: "binary" }, { app: "binary", "out/app.tgz": "tarball" });

function chainEvidence(kind: string): EvidencePlan[] {
  return [
    { step: "source", by: [`alice-${kind}`], link: SOURCE },
    { step: "build", by: [`alice-${kind}`], link: BUILD },
    { step: "build", by: [`bob-${kind}`], link: BUILD },
    { step: "package", by: [`carl-${kind}`], link: PACKAGE },
  ];
}

type Changes = Partial<Case> & { readonly format?: Format; readonly kind?: string };

function chainCase(name: string, { format = "metablock", kind = "ed25519", ...changes }: Changes = {}): Case {
  return {
    name,
    outcome: "accepts",
    layoutFormat: format,
    linkFormat: format,
    ids: "modern",
    owners: [`olga-${kind}`],
    layout: chain(kind),
    evidence: chainEvidence(kind),
    digest: hash("tarball"),
    ...changes,
  };
}

/** One step of alice's, whose last product is the artifact. */
export function single(
  name: string,
  {
    format = "metablock",
    ...changes
  }: Changes & { products?: Record<string, string>; rules?: string[][] } = {},
): Case {
  const { products = { f: "1" }, rules = [], ...rest } = changes;
  return {
    name,
    outcome: "accepts",
    layoutFormat: format,
    linkFormat: format,
    ids: "modern",
    owners: ["olga-ed25519"],
    layout: layout(step("build", ["alice-ed25519"], { products: rules })),
    evidence: [{ step: "build", by: ["alice-ed25519"], link: link({}, products) }],
    digest: hash("1"),
    ...rest,
  };
}

const GO_NUMBERS = "keeps numbers as floating point, and so neither makes nor verifies this one";
const GO_DSSE =
  "writes canonical JSON into DSSE, which is no JSON where a text holds a line break, as a PEM does";
/** U+FF5E sorts before U+1F600 by code point, and after it by UTF-16. */
const ODD_NAMES = { "src/é/ü.txt": "1", "～": "2", "😀/𝒳": "3", "日本 語": "4", "quo\"te'<&>": "5" };
const CONTROLS = '\u0000\u0001\b\t\n\f\r\u001b[0m\u007f\u0080\u2028\u2029\ufeff"\\/<&>';

function matrix(): Case[] {
  const cases: Case[] = [];
  for (const format of FORMATS) {
    for (const kind of KINDS) {
      for (const ids of ["modern", "python", "legacy"] as const) {
        const broken = kind === "ed25519" ? {} : goDsse(format);
        cases.push(chainCase(`chain, ${kind}, ${format}, ${ids} key ids`, { format, kind, ids, ...broken }));
      }
    }
    for (const kind of ["ecdsa-p384", "ecdsa-p521"]) {
      const by = [`alice-${kind}`];
      cases.push(
        single(`link and layout by ${kind}, ${format}`, {
          format,
          ...goDsse(format),
          owners: by,
          layout: layout(step("build", by)),
          evidence: [{ step: "build", by, link: link({}, { f: "1" }) }],
        }),
      );
    }
    const other = format === "dsse" ? "metablock" : "dsse";
    cases.push(
      ...KINDS.map((kind) =>
        chainCase(`a ${format} layout over ${other} links, ${kind}`, {
          kind,
          layoutFormat: format,
          linkFormat: other,
          ...(kind === "ed25519" ? {} : goDsse(format)),
        }),
      ),
      single(`a link that was recorded while the command ran, ${format}`, {
        format,
        evidence: [
          {
            step: "build",
            by: ["alice-ed25519"],
            run: true,
            link: link({}, { f: "1" }, { command: ["sh", "-c", "printf 1 > f; echo made"] }),
          },
        ],
        rules: words("CREATE f", "DISALLOW *"),
        ...goDsse(format),
      }),
      single(`a link that was recorded in two halves, ${format}`, {
        format,
        evidence: [{ step: "build", by: ["alice-ed25519"], run: true, link: link({}, { f: "1" }) }],
        rules: words("CREATE f", "DISALLOW *"),
      }),
      chainCase(`all three of a threshold of two, ${format}`, {
        format,
        evidence: [...chainEvidence("ed25519"), { step: "build", by: ["carl-ed25519"], link: BUILD }],
      }),
      chainCase(`two owners, ${format}`, {
        format,
        owners: ["olga-ed25519", "oscar-ed25519"],
        ...(format === "dsse" ? { broken: { go: "keeps one signature in a DSSE envelope" } } : {}),
      }),
      chainCase(`functionaries with keys of three kinds, ${format}`, {
        format,
        ...goDsse(format),
        layout: layout(
          step("build", ["alice-ed25519", "bob-rsa", "carl-ecdsa-p256"], {
            threshold: 3,
            products: words("CREATE app", "DISALLOW *"),
          }),
        ),
        evidence: ["alice-ed25519", "bob-rsa", "carl-ecdsa-p256"].map((person) => ({
          step: "build",
          by: [person],
          link: link({}, { app: "tarball" }),
        })),
      }),
      single(`parameters, ${format}`, {
        format,
        rules: [
          ["REQUIRE", "{NAME}"],
          ["CREATE", "{NAME}-{v_1-2}.tgz"],
          ["ALLOW", "{NAME}"],
          ["DISALLOW", "*"],
        ],
        products: { "app-7.tgz": "1", app: "binary" },
        parameters: { NAME: "app", "v_1-2": "7" },
      }),
      single(`artifacts beyond ASCII and beyond the basic plane, ${format}`, {
        format,
        products: ODD_NAMES,
        rules: words(
          "CREATE src/é/?.txt",
          "REQUIRE ～",
          "CREATE ？",
          "CREATE [～]",
          "ALLOW ?/𝒳",
          "ALLOW 日本*",
        ).concat([
          ["ALLOW", "quo\"te'<&>"],
          ["DISALLOW", "*"],
        ]),
      }),
      single(`artifacts named by URIs, ${format}`, {
        format,
        products: { "docker://registry.example.com/app:1": "1", "ostree:refs/heads/main": "2", "a:b/c": "3" },
        rules: words("CREATE docker://registry.example.com/*", "ALLOW ostree:*", "ALLOW a:b/c", "DISALLOW *"),
      }),
      single(`control characters and nested values in byproducts, ${format}`, {
        format,
        ...goDsse(format),
        evidence: [
          {
            step: "build",
            by: ["alice-ed25519"],
            link: link(
              {},
              { f: "1" },
              {
                command: ["sh", "-c", CONTROLS],
                byproducts: { stdout: CONTROLS, [CONTROLS]: [null, true, false, [[]], { "": {} }, -1, 0] },
                environment: { "😀": 1, "～": 2, "\ud7ff": 3 },
              },
            ),
          },
        ],
      }),
      integers(`integers up to 2^53, ${format}`, format, { most: 2 ** 53 - 1, least: 1 - 2 ** 53 }, []),
      integers(`integers beyond 2^53, ${format}`, format, { odd: 2n ** 53n + 1n, least: -(2n ** 53n) - 1n }, [
        "go makes",
        ...(format === "metablock" ? ["go verifies"] : []),
      ]),
      integers(`integers beyond 2^63, ${format}`, format, { large: 10n ** 30n + 1n }, [
        "go makes",
        "go verifies",
      ]),
      ...sublayouts(format),
      ...negatives(format),
    );
  }
  return cases;
}

function goDsse(format: Format): Partial<Case> {
  return format === "dsse" ? { broken: { go: GO_DSSE } } : {};
}

function integers(
  name: string,
  format: Format,
  byproducts: Record<string, unknown>,
  without: readonly string[],
): Case {
  return single(name, {
    format,
    evidence: [{ step: "build", by: ["alice-ed25519"], link: link({}, { f: "1" }, { byproducts }) }],
    without: Object.fromEntries(without.map((what) => [what, GO_NUMBERS])),
  });
}

function sublayouts(format: Format): Case[] {
  const outer = layout(
    step("make", ["alice-ed25519", "bob-ed25519"], {
      materials: words("ALLOW src/*", "DISALLOW *"),
      products: words("CREATE app", "DISALLOW *"),
    }),
    step("pack", ["carl-ed25519"], {
      materials: words("MATCH app WITH PRODUCTS FROM make", "DISALLOW *"),
      products: words("CREATE app.tgz", "DISALLOW *"),
    }),
  );
  const inner = layout(
    step("compile", ["bob-ed25519"], { products: words("CREATE *.o", "DISALLOW *") }),
    step("assemble", ["mallory-ed25519"], {
      materials: words("MATCH *.o WITH PRODUCTS FROM compile", "DISALLOW *"),
    }),
  );
  const compile = { step: "compile", by: ["bob-ed25519"], link: link({ "src/a": "A" }, { "a.o": "object" }) };
  const deepest: EvidencePlan = {
    step: "compile",
    by: ["bob-ed25519"],
    layout: layout(step("cc", ["oscar-ed25519"])),
    evidence: [{ step: "cc", by: ["oscar-ed25519"], link: link({ "src/a": "A" }, { "a.o": "object" }) }],
  };
  const assemble = {
    step: "assemble",
    by: ["mallory-ed25519"],
    link: link({ "a.o": "object" }, { app: "binary" }),
  };
  const pack = {
    step: "pack",
    by: ["carl-ed25519"],
    link: link({ app: "binary" }, { "app.tgz": "tarball" }),
  };
  const make = (...evidence: EvidencePlan[]) => [
    { step: "make", by: ["alice-ed25519"], layout: inner, evidence },
    pack,
  ];
  const trojan = { ...assemble, link: link({ "a.o": "trojan" }, { app: "binary" }) };
  const base = { format, layout: outer };
  return [
    chainCase(`a sublayout, ${format}`, { ...base, evidence: make(compile, assemble) }),
    chainCase(`a sublayout in a sublayout, ${format}`, { ...base, evidence: make(deepest, assemble) }),
    chainCase(`a sublayout, ${format}, legacy key ids`, {
      ...base,
      ids: "legacy",
      evidence: make(compile, assemble),
    }),
    chainCase(`a sublayout that lacks a link, ${format}`, {
      ...base,
      outcome: "refuses",
      evidence: make(compile),
    }),
    chainCase(`a sublayout whose rules fail, ${format}`, {
      ...base,
      outcome: "refuses",
      evidence: make(compile, trojan),
    }),
    chainCase(`a sublayout that has expired, ${format}`, {
      ...base,
      outcome: "refuses",
      evidence: [
        {
          step: "make",
          by: ["alice-ed25519"],
          layout: { ...inner, expires: "2020-01-01T00:00:00Z" },
          evidence: [compile, assemble],
        },
        pack,
      ],
    }),
  ];
}

/** What nobody may accept. */
function negatives(format: Format): Case[] {
  const refused = (name: string, changes: Partial<Case>): Case =>
    chainCase(`${name}, ${format}`, { format, outcome: "refuses", ...changes });
  const evidence = chainEvidence("ed25519");
  const rest = evidence.slice(0, 3);
  const packed = (products: Record<string, string>, by = "carl-ed25519"): EvidencePlan[] => [
    ...rest,
    { step: "package", by: [by], link: link({ app: "binary" }, products) },
  ];
  return [
    refused("a link changed after it was signed", {
      spoil: { kind: "replace", step: "package", by: "carl-ed25519", from: "app.tgz", to: "app.tgy" },
    }),
    refused("a layout changed after it was signed", {
      spoil: { kind: "replace", from: "Built from source", to: "Built by magic" },
    }),
    refused("a link that is missing", { spoil: { kind: "remove", step: "source", by: "alice-ed25519" } }),
    refused("one link where two are asked for", {
      spoil: { kind: "remove", step: "build", by: "bob-ed25519" },
    }),
    refused("a link of a stranger", { evidence: packed({ "out/app.tgz": "tarball" }, "mallory-ed25519") }),
    refused("a link of a stranger in another's name", {
      evidence: packed({ "out/app.tgz": "tarball" }, "mallory-ed25519"),
      spoil: { kind: "pretend", step: "package", from: "mallory-ed25519", to: "carl-ed25519" },
    }),
    refused("a link of a functionary of another step", {
      evidence: packed({ "out/app.tgz": "tarball" }, "alice-ed25519"),
    }),
    refused("a layout of a stranger in the owner's name", {
      signers: ["mallory-ed25519"],
      spoil: { kind: "pretend", from: "mallory-ed25519", to: "olga-ed25519" },
    }),
    refused("a layout that has expired", {
      layout: { ...chain("ed25519"), expires: "2020-01-01T00:00:00Z" },
    }),
    refused("a product that no rule allows", { evidence: packed({ "out/app.tgz": "tarball", oops: "x" }) }),
    refused("a material of another content", {
      evidence: [
        ...rest,
        {
          step: "package",
          by: ["carl-ed25519"],
          link: link({ app: "trojan" }, { "out/app.tgz": "tarball" }),
        },
      ],
    }),
    refused("a name that REQUIRE asks for and is not there", {
      layout: chain("ed25519", { package: { products: words("REQUIRE SBOM", "ALLOW *") } }),
    }),
    refused("links of a threshold that disagree", {
      evidence: evidence.map((item, index) =>
        index === 2 ? { ...item, link: link({}, { app: "binary" }) } : item,
      ),
    }),
  ];
}

/** Functionaries by certificate, which Python does not know; the certificates are Go's. */
export function certificateCases(): Case[] {
  const constraint = {
    common_name: "carl.example.com",
    dns_names: ["carl.example.com"],
    emails: ["carl@example.com"],
    organizations: ["Example"],
    roots: ["root"],
    uris: ["spiffe://example.com/carl"],
  };
  const certificate = { step: "package", roots: ["root"], intermediates: ["intermediate"], constraint };
  // Go finds the signature of a certificate's key by the older key id only.
  const base = {
    ids: "legacy" as const,
    layout: chain("ed25519", { package: { functionaries: [] } }),
    certificate,
  };
  const by = (person: string): EvidencePlan[] =>
    chainEvidence("ed25519").map((item) => (item.step === "package" ? { ...item, by: [person] } : item));
  const refused = (name: string, changes: Partial<Case>): Case =>
    chainCase(name, { ...base, outcome: "refuses", evidence: by("leaf"), ...changes });
  return [
    chainCase("a functionary by certificate, metablock", { ...base, evidence: by("leaf") }),
    chainCase("a functionary by certificate, DSSE layout and metablock link", {
      ...base,
      layoutFormat: "dsse",
      evidence: by("leaf"),
      broken: { go: GO_DSSE },
    }),
    chainCase("a functionary by certificate, any attribute", {
      ...base,
      evidence: by("leaf"),
      certificate: {
        ...certificate,
        constraint: Object.fromEntries(
          Object.keys(constraint).map((name) => [name, name === "common_name" ? "*" : ["*"]]),
        ),
      },
    }),
    refused("a certificate of another name", {
      certificate: { ...certificate, constraint: { ...constraint, common_name: "bob.example.com" } },
    }),
    refused("a certificate with an attribute too many", {
      certificate: { ...certificate, constraint: { ...constraint, emails: [] } },
    }),
    refused("a certificate whose intermediate is not known", {
      certificate: { ...certificate, intermediates: [] },
    }),
    refused("a certificate of an authority that the layout does not name", { evidence: by("stranger") }),
    refused("a certificate that has expired", { evidence: by("late") }),
    refused("a link changed after a certificate's key signed it", {
      spoil: { kind: "replace", step: "package", by: "leaf", from: "app.tgz", to: "app.tgy" },
    }),
  ];
}

export const CASES: readonly Case[] = matrix();
