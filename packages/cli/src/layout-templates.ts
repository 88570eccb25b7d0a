import type { AttributeContent, FunctionaryContent, SigningContent, StepContent } from "@stemma/in-toto";

/** What a layout can be started from. */
export const TEMPLATES = ["container-image", "npm-package", "helm-chart", "firmware"] as const;
export type TemplateName = (typeof TEMPLATES)[number];

/** What shows that a step was carried out: links of its functionaries, or attestations such as CI writes. */
export const EVIDENCE = ["links", "attestations"] as const;
export type EvidenceKind = (typeof EVIDENCE)[number];

/** Somebody whom a template has to be told: whoever signs for a step, or attests something about its products. */
export interface Part {
  /** What options call it; also the step's name, unless another is given. */
  readonly id: string;
  /** What they do, after "who". */
  readonly does: string;
  readonly threshold: number;
  /** Whether a step has its name. The others attest something about that step's products. */
  readonly isStep: boolean;
}

/** What a template is filled in with. */
export interface Filling {
  nameOf(id: string): string;
  signersOf(id: string): SigningContent;
  /** URI of the source repository as provenance names it; for attestations. */
  readonly source: string | undefined;
  /** Id of the builder that provenance must name; undefined for any. */
  readonly builder: string | undefined;
}

export interface Template {
  /** One sentence, which the layout carries along. */
  readonly readme: string;
  readonly parts: readonly Part[];
  steps(filling: Filling): readonly StepContent[];
}

/** A template by its name; undefined where there is none for this kind of evidence. */
export function findTemplate(name: TemplateName, evidence: EvidenceKind): Template | undefined {
  return ALL[name][evidence];
}

type Rule = readonly string[];

/** Rules after which nothing else is allowed. */
const closed = (...rules: readonly Rule[]): readonly Rule[] => [...rules, ["DISALLOW", "*"]];
const create = (pattern: string): Rule => ["CREATE", pattern];
const match = (pattern: string, step: string, list: "MATERIALS" | "PRODUCTS" = "PRODUCTS"): Rule => [
  ...["MATCH", pattern, "WITH", list, "FROM", step],
];

const part = (id: string, does: string, threshold = 1): Part => ({ id, does, threshold, isStep: true });

const SOURCE = part("source", "vouches for the source");

/** The first step of every chain: nothing goes in, and what comes out is the source. */
function sourceStep({ nameOf, signersOf }: Filling, pattern: string): StepContent {
  return {
    ...signersOf("source"),
    name: nameOf("source"),
    expectedMaterials: closed(),
    expectedProducts: closed(create(pattern)),
  };
}

const containerImage: Template = {
  readme: "A container image: built from the source, and tested as it was built.",
  parts: [SOURCE, part("build", "builds the image"), part("test", "tests the image")],
  steps: (filling) => {
    const { nameOf, signersOf } = filling;
    return [
      sourceStep(filling, "*"),
      {
        ...signersOf("build"),
        name: nameOf("build"),
        expectedMaterials: closed(match("*", nameOf("source"))),
        expectedProducts: closed(create("image/*")),
      },
      {
        ...signersOf("test"),
        name: nameOf("test"),
        expectedMaterials: closed(match("image/*", nameOf("build"))),
        expectedProducts: closed(match("image/*", nameOf("build"))),
      },
    ];
  },
};

const npmPackage: Template = {
  readme: "An npm package: built from the source, and packed with nothing else.",
  parts: [SOURCE, part("build", "builds the files"), part("package", "packs the tarball")],
  steps: (filling) => {
    const { nameOf, signersOf } = filling;
    const source = nameOf("source");
    return [
      sourceStep(filling, "*"),
      {
        ...signersOf("build"),
        name: nameOf("build"),
        expectedMaterials: closed(match("*", source)),
        expectedProducts: closed(create("dist/*"), match("*", source)),
      },
      {
        ...signersOf("package"),
        name: nameOf("package"),
        expectedMaterials: closed(
          match("dist/*", nameOf("build")),
          ...["package.json", "README*", "LICENSE*"].map((pattern) => match(pattern, source)),
        ),
        expectedProducts: closed(create("*.tgz")),
      },
    ];
  },
};

const helmChart: Template = {
  readme: "A Helm chart: packaged from the source that was tested.",
  parts: [SOURCE, part("test", "tests the chart"), part("package", "packages the chart")],
  steps: (filling) => {
    const { nameOf, signersOf } = filling;
    return [
      sourceStep(filling, "chart/*"),
      {
        ...signersOf("test"),
        name: nameOf("test"),
        expectedMaterials: closed(match("chart/*", nameOf("source"))),
        expectedProducts: closed(),
      },
      {
        ...signersOf("package"),
        name: nameOf("package"),
        expectedMaterials: closed(match("chart/*", nameOf("test"), "MATERIALS")),
        expectedProducts: closed(create("*.tgz")),
      },
    ];
  },
};

const firmware: Template = {
  readme: "Firmware: built alike by two builders, and approved with its signature.",
  parts: [
    SOURCE,
    part("build", "builds the firmware, each for themselves and with the same result", 2),
    part("approve", "approves the firmware and signs it"),
  ],
  steps: (filling) => {
    const { nameOf, signersOf } = filling;
    return [
      sourceStep(filling, "*"),
      {
        ...signersOf("build"),
        name: nameOf("build"),
        expectedMaterials: closed(match("*", nameOf("source"))),
        expectedProducts: closed(create("firmware/*")),
      },
      {
        ...signersOf("approve"),
        name: nameOf("approve"),
        expectedMaterials: closed(match("firmware/*", nameOf("build"))),
        expectedProducts: closed(match("firmware/*", nameOf("build")), create("firmware/*.sig")),
      },
    ];
  },
};

const PROVENANCE = "https://slsa.dev/provenance/v1";

/** One step by provenance, and something else that is attested about the same products. */
function attested(
  readme: string,
  other: Omit<Part, "threshold" | "isStep">,
  predicateType: string,
  attributes: readonly AttributeContent[],
): Template {
  return {
    readme,
    parts: [part("build", "signs the provenance of the build"), { ...other, threshold: 1, isStep: false }],
    steps: ({ nameOf, signersOf, source, builder }) => [
      {
        name: nameOf("build"),
        functionaries: NOBODY,
        threshold: 1,
        expectedMaterials: closed(["ALLOW", `${source ?? ""}@*`]),
        expectedProducts: closed(create("*")),
        expectedPredicates: [
          {
            ...signersOf("build"),
            predicateType: PROVENANCE,
            attributes:
              builder === undefined ? [] : [{ at: "/predicate/runDetails/builder/id", equals: builder }],
          },
          { ...signersOf(other.id), predicateType, attributes },
        ],
      },
    ],
  };
}

/** Attestations have functionaries of their own. */
const NOBODY: readonly FunctionaryContent[] = [];

const ALL: Readonly<Record<TemplateName, Readonly<Partial<Record<EvidenceKind, Template>>>>> = {
  "container-image": {
    links: containerImage,
    attestations: attested(
      "A container image: built from the source by CI, and scanned without findings.",
      { id: "scan", does: "scans the image for vulnerabilities" },
      "https://in-toto.io/attestation/vulns/v0.2",
      [{ at: "/predicate/scanner/result", size: { max: 0 } }],
    ),
  },
  "npm-package": {
    links: npmPackage,
    attestations: attested(
      "An npm package: built from the source by CI, with its tests passed.",
      { id: "test", does: "runs the tests" },
      "https://in-toto.io/attestation/test-result/v0.1",
      [{ at: "/predicate/result", equals: "PASSED" }],
    ),
  },
  "helm-chart": { links: helmChart },
  firmware: { links: firmware },
};
