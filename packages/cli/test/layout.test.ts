import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { generatePrivateKey, type PublicKey, signerFromPem } from "@stemma/crypto";
import { toPlain } from "@stemma/encoding";
import { type LayoutContent, type StepContent, signLayout, writeLayout } from "@stemma/in-toto";
import type { Trial } from "@stemma/lineage";
import { bundleFile } from "../../../test/support/bundle.ts";
import { DomainFixture, days } from "../../../test/support/domain.ts";
import { Desk } from "./support/command-line.ts";

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.create();
});
afterEach(() => desk.remove());

const DAY = 86_400_000;
const key = (): PublicKey => signerFromPem(generatePrivateKey()).publicKey;
const [alice, bob] = [key(), key()];
const BUILDER = {
  issuer: "https://token.actions.githubusercontent.com",
  identity: "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
};
const words = (...rules: readonly string[]) => rules.map((rule) => rule.split(" "));

const source: StepContent = {
  name: "source",
  threshold: 1,
  functionaries: [alice],
  expectedMaterials: words("DISALLOW *"),
  expectedProducts: words("CREATE *", "DISALLOW *"),
};
const build: StepContent = {
  name: "build",
  threshold: 2,
  functionaries: [alice, bob, BUILDER],
  expectedMaterials: words("MATCH * WITH PRODUCTS FROM source", "DISALLOW *"),
  expectedProducts: words(
    "REQUIRE app",
    "CREATE app",
    "MATCH LICENSE WITH PRODUCTS FROM source",
    "DISALLOW *",
  ),
};

/** Writes a layout as its author would, without signatures. */
async function write(...steps: readonly StepContent[]): Promise<void> {
  const content: LayoutContent = { expires: new Date(Date.now() + 60 * DAY), steps };
  await writeFile(desk.path("layout.json"), JSON.stringify(toPlain(writeLayout(content))));
}

const short = ({ keyId }: PublicKey) => keyId.slice(0, 12);

describe("lint", () => {
  const lint = ["layout", "lint", "layout.json"];
  const open: StepContent = { ...build, expectedProducts: words("CREATE app") };
  const typo: StepContent = {
    ...build,
    expectedMaterials: words("MATCH * WITH PRODUCTS FROM sourec", "DISALLOW *"),
  };

  test("passes a sound layout", async () => {
    await write(source, build);
    expect(await desk.json(lint)).toEqual({
      file: "layout.json",
      publishable: true,
      ownersChecked: false,
      errors: [],
      warnings: [],
      notes: [],
    });
    expect(await desk.json([...lint, "--strict"])).toMatchObject({ publishable: true });
  });

  test("fails on errors, says where they are and what to do", async () => {
    await write(source, typo);
    const said = await desk.stemma(lint);
    expect(said).toMatchObject({ code: 1, stderr: "" });
    expect(said.stdout).toContain('Did you mean "source"? (unknown_step)');
    expect(said.stdout).toContain("Correct the name after FROM");
    expect(said.stdout).toContain("This layout cannot be published.");
    expect(await desk.json(lint, 1)).toMatchObject({
      publishable: false,
      errors: [{ code: "unknown_step", step: "build", ruleList: "materials", ruleIndex: 0 }],
    });
  });

  test("fails on warnings only when it is strict", async () => {
    await write(source, open);
    expect(await desk.json(lint)).toMatchObject({ publishable: true, warnings: [{ code: "open_rules" }] });
    expect(await desk.json([...lint, "--strict"], 1)).toMatchObject({ publishable: true });
  });

  test("looks at the owners' signatures where it is told who they are", async () => {
    const domain = await DomainFixture.create();
    await writeFile(desk.path("targets.json"), domain.metadata.get("1.targets") as Uint8Array);
    const content = { ...domain.layout(), expires: days(new Date(), 60) };
    const owners = ["--targets", "targets.json", "--project", "app"];
    await writeFile(desk.path("layout.json"), await signLayout(content, domain.owners.slice(0, 1)));
    expect(await desk.json([...lint, ...owners], 1)).toMatchObject({
      ownersChecked: true,
      errors: [{ code: "layout_threshold_not_met" }],
    });
    await writeFile(desk.path("layout.json"), await signLayout(content, domain.owners));
    expect(await desk.json([...lint, ...owners])).toMatchObject({ ownersChecked: true, publishable: true });
    expect(await desk.json([...lint, "--targets", "targets.json"], 2)).toMatchObject({
      error: { code: "usage" },
    });
  });

  test.each([
    ["a file that is not there", "nothing.json", 2, "file_unreadable"],
    ["a project without a pinned root", "app", 2, "no_pinned_root"],
  ])("refuses %s", async (_, what, code, expected) => {
    expect(await desk.json(["layout", "lint", what], code)).toMatchObject({ error: { code: expected } });
  });
});

describe("explain", () => {
  const explain = ["layout", "explain", "layout.json"];

  test("says who must do a step, what may go in and what may come out", async () => {
    await write(source, build);
    const { stdout } = await desk.stemma(explain);
    expect(stdout.split("\n").slice(1)).toEqual([
      "",
      "Step source",
      `  Key ${short(alice)} (ed25519) must carry it out.`,
      "  Nothing may go in.",
      "  Every product must be new in this step; nothing else may come out.",
      "",
      "Step build",
      "  2 of these 3 must carry it out and report the same:",
      `    - key ${short(alice)} (ed25519)`,
      `    - key ${short(bob)} (ed25519)`,
      `    - ${BUILDER.identity} (identity of ${BUILDER.issuer})`,
      "  Every material must be a product of step source with the same content; nothing else may go in.",
      '  The product "app" must be there.',
      "  Only these may come out:",
      '    - what is new in this step and named "app"',
      '    - products of step source named "LICENSE" with the same content',
      "  One of its products must be the artifact that is asked about.",
      "",
    ]);
    expect(stdout).toMatch(/^The layout holds until 20\d\d-\d\d-\d\d \d\d:\d\d UTC \(in \d+ days\)\.\n/);
  });

  test.each<readonly [string, readonly string[], readonly string[]]>([
    ["no rules", [], ["Anything may come out."]],
    ["a lone ALLOW", ["ALLOW *", "DISALLOW *"], ["Anything may come out."]],
    [
      "an open end",
      ["MODIFY a", "DISALLOW *.map"],
      [
        'This may come out: what this step changes and is named "a".',
        'Nothing else named "*.map" may come out.',
        "Whatever no rule speaks about may come out as well.",
      ],
    ],
    [
      "folders",
      ["MATCH * IN dist WITH MATERIALS IN in FROM source", "DISALLOW *"],
      [
        'Only materials of step source below in/ named "*" with the same content, here below dist/ may come out.',
      ],
    ],
    [
      "a refusal first",
      ["DISALLOW secret*", "ALLOW a", "DISALLOW *"],
      ['Nothing named "secret*" may come out.', 'Only anything named "a" may come out.'],
    ],
  ])("puts rules into words: %s", async (_, rules, sentences) => {
    await write(source, {
      ...build,
      expectedMaterials: words("DISALLOW *"),
      expectedProducts: words(...rules),
    });
    const said = await desk.json<{ steps: { sentences: string[] }[] }>(explain);
    expect(said.steps[1]?.sentences.slice(2, -1)).toEqual(sentences);
  });

  test("says what attestations must say", async () => {
    await write({
      name: "build",
      threshold: 1,
      functionaries: [],
      expectedPredicates: [
        { predicateType: "https://slsa.dev/provenance/v1", functionaries: [BUILDER], threshold: 1 },
        {
          predicateType: "https://in-toto.io/attestation/test-result/v0.1",
          functionaries: [alice, bob],
          threshold: 2,
          attributes: [{ at: "/predicate/result", equals: "PASSED" }],
        },
      ],
    });
    const said = await desk.json<{ steps: { sentences: string[] }[] }>(explain);
    expect(said.steps[0]?.sentences.slice(0, 5)).toEqual([
      `${BUILDER.identity} (identity of ${BUILDER.issuer}) must attest https://slsa.dev/provenance/v1.`,
      "That attestation says what its materials and products are.",
      `All 2 of these must attest https://in-toto.io/attestation/test-result/v0.1: key ${short(alice)} (ed25519); key ${short(bob)} (ed25519).`,
      "That attestation must be about the products of the step.",
      'In it, /predicate/result is "PASSED".',
    ]);
  });
});

describe("graph", () => {
  const graph = ["layout", "graph", "layout.json"];
  const pack: StepContent = {
    name: "package",
    threshold: 1,
    functionaries: [bob],
    expectedMaterials: words(
      "MATCH app WITH PRODUCTS FROM build",
      "MATCH LICENSE WITH PRODUCTS FROM source",
      "MATCH x WITH PRODUCTS FROM nowhere",
      "DISALLOW *",
    ),
    expectedProducts: words("CREATE *.tgz", "DISALLOW *"),
  };

  test("draws boxes and the lines between them, aligned, in 80 columns", async () => {
    await write(source, { ...build, functionaries: [alice, bob] }, pack);
    const { stdout } = await desk.stemma(graph);
    const [a, b] = [short(alice), short(bob)];
    expect(`\n${stdout}`).toBe(`
     ┌─────────────────────────────────────────────────────────────────────────┐
     │ source                                                                  │
     │ 1 of 1 sign:                                                            │
     │   key ${a} (ed25519)                                            │
┌────┴─────────────────────────────────────────────────────────────────────────┘
│    ┌─────────────────────────────────────────────────────────────────────────┐
│    │ build                                                                   │
│    │ 2 of 2 sign:                                                            │
│    │   key ${a} (ed25519)                                            │
│    │   key ${b} (ed25519)                                            │
├───▶│ materials: * from products of source                                    │
│    │ products: LICENSE from products of source                               │
│ ┌──┴─────────────────────────────────────────────────────────────────────────┘
│ │  ┌─────────────────────────────────────────────────────────────────────────┐
│ │  │ package                                              makes the artifact │
│ │  │ 1 of 1 sign:                                                            │
│ │  │   key ${b} (ed25519)                                            │
└─┼─▶│ materials: LICENSE from products of source                              │
  └─▶│ materials: app from products of build                                   │
     │ materials: x of nowhere, which is not there                             │
     └─────────────────────────────────────────────────────────────────────────┘
`);
  });

  test("stays aligned with wide characters, many steps, and lines that lead upwards", async () => {
    const many = Array.from({ length: 24 }, (_, index): StepContent => {
      const other = (index * 7 + 3) % 24;
      return {
        ...source,
        name: index === 5 ? "名前é" : `step-${index}`,
        expectedMaterials: words(
          `MATCH ${"日本語/".repeat(20)}* WITH PRODUCTS FROM ${other === 5 ? "名前é" : `step-${other}`}`,
          "DISALLOW *",
        ),
      };
    });
    await write(...many);
    const { stdout } = await desk.stemma(graph);
    for (const line of stdout.trimEnd().split("\n")) {
      const wide = line.match(/[\u3000-\u9fff]/g)?.length ?? 0;
      expect(line.replace(/\p{M}/gu, "").length + wide).toBe(80);
    }
  });

  test("is plain data with --json", async () => {
    await write(source, build);
    expect(await desk.json(graph)).toMatchObject({
      file: "layout.json",
      steps: [{ name: "source" }, { name: "build", signers: [{ threshold: 2 }] }],
      edges: [
        { from: "source", to: "build", list: "materials", type: "products", patterns: ["*"] },
        { from: "source", to: "build", list: "products", type: "products", patterns: ["LICENSE"] },
      ],
    });
  });

  test("is an SVG by itself, in which names are text and nothing more", async () => {
    const name = `<script>alert("1")&'${"x".repeat(60)}`;
    await write(
      { ...source, name },
      {
        ...build,
        expectedMaterials: words(`MATCH <img/onerror=x>* WITH PRODUCTS FROM ${name}`, "DISALLOW *"),
        expectedProducts: words("MATCH app WITH PRODUCTS IN copy FROM build", "DISALLOW *"),
      },
    );
    expect(await desk.json([...graph, "--svg", "a.svg"])).toMatchObject({ svg: "a.svg" });
    await desk.json([...graph, "--svg", "b.svg"]);
    const svg = await readFile(desk.path("a.svg"), "utf8");
    expect(svg).toBe(await readFile(desk.path("b.svg"), "utf8"));
    expect(svg).toContain("&lt;script&gt;alert(&quot;1&quot;)&amp;&#39;");
    expect(svg).not.toMatch(/<script|<img|href|src=|url\((?!#tip)/);
    // Every element that is opened is closed.
    const opened = svg.match(/<[a-z]+(?=[\s>])/g)?.length;
    expect(svg.match(/<\/[a-z]+>|\/>/g)?.length).toBe(opened);
  });

  test("is an SVG in which no box and no label lies on another", async () => {
    const many = Array.from({ length: 14 }, (_, index): StepContent => {
      const earlier = [index - 1, index - 3, index >> 1].filter((other) => other >= 0 && other < index);
      const rules = [...new Set(earlier)].map(
        (other) => `MATCH folder-${other}/* WITH PRODUCTS FROM step-${other}`,
      );
      return { ...source, name: `step-${index}`, expectedMaterials: words(...rules, "DISALLOW *") };
    });
    await write(...many);
    await desk.json([...graph, "--svg", "a.svg"]);
    const svg = await readFile(desk.path("a.svg"), "utf8");
    const rects = [
      ...svg.matchAll(/<rect class="(?:box|label)[^"]*" x="(\S+)" y="(\S+)" width="(\S+)" height="(\S+)"/g),
    ].map(([, ...numbers]) => numbers.map(Number) as [number, number, number, number]);
    expect(rects.length).toBeGreaterThan(14 + 20);
    for (const [index, [x, y, width, height]] of rects.entries()) {
      for (const [otherX, otherY, otherWidth, otherHeight] of rects.slice(index + 1)) {
        const apart =
          x + width <= otherX ||
          otherX + otherWidth <= x ||
          y + height <= otherY ||
          otherY + otherHeight <= y;
        expect(apart).toBe(true);
      }
    }
  });
});

describe("try", () => {
  let domain: DomainFixture;
  beforeEach(async () => {
    domain = await DomainFixture.create();
    await writeFile(desk.path("root.json"), domain.root);
    await writeFile(desk.path("app.bundle"), await bundleFile(domain));
  });

  /** Tries a layout by the bundle of the fixture's artifact. */
  function attempt(expected: number, ...more: readonly string[]): Promise<Trial> {
    return desk.json<Trial>(["layout", "try", ...args(), ...more], expected);
  }
  const args = () => [
    ...[domain.digest, "--project", "app", "--root", "root.json", "--bundle", "app.bundle"],
    ...["--at", domain.now.toISOString()],
  ];

  /** A draft on disk, signed by nobody: the fixture's layout with other rules for one step. */
  async function draft(step: number, change: Partial<StepContent>): Promise<string> {
    const layout = domain.layout();
    const steps = layout.steps.map((one, index) => (index === step ? { ...one, ...change } : one));
    await writeFile(desk.path("draft.json"), JSON.stringify(toPlain(writeLayout({ ...layout, steps }))));
    return "draft.json";
  }

  test("shows what each rule of the published layout took and left", async () => {
    expect(await attempt(0)).toMatchObject({ satisfied: true, draft: false, digest: domain.digest });
    const said = await desk.stemma(["layout", "try", ...args()]);
    expect(said).toMatchObject({ code: 0, stderr: "" });
    const key = short(domain.functionaries.build.publicKey);
    expect(said.stdout).toContain(`
Step build: 1 of 1 signature
  signed by key ${key}
`);
    expect(said.stdout).toContain(`
  1 material: src/main.ts
    MATCH * WITH PRODUCTS FROM source             takes src/main.ts; leaves nothing
    DISALLOW *                                    takes nothing; leaves nothing
  1 product: dist/stemma.mjs
    CREATE dist/*                                 takes dist/stemma.mjs; leaves nothing
    ALLOW src/*                                   takes nothing; leaves nothing
    DISALLOW *                                    takes nothing; leaves nothing
`);
  });

  test("tries a draft, and never calls it allowed", async () => {
    const file = await draft(1, {
      expectedProducts: words("REQUIRE dist/stemma.mjs", "CREATE *", "DISALLOW *"),
    });
    expect(await attempt(0, "--layout", file)).toMatchObject({ satisfied: true, draft: true, file });
    const { stdout } = await desk.stemma(["layout", "try", ...args(), "--layout", file]);
    expect(stdout).toMatch(/^SATISFIED/);
    expect(stdout).toContain("A trial of a draft: whether the project's owners signed it was not looked at");
    expect(stdout).not.toMatch(/\ballow/i);
  });

  test("says why a draft does not hold, with what was expected and found", async () => {
    const file = await draft(2, {
      expectedMaterials: words("MATCH dist/* WITH PRODUCTS FROM source", "DISALLOW *"),
    });
    expect(await attempt(1, "--layout", file)).toMatchObject({
      satisfied: false,
      reasons: [{ code: "rule_failed", step: "package", ruleList: "materials", ruleIndex: 1 }],
    });
    const { stdout } = await desk.stemma(["layout", "try", ...args(), "--layout", file]);
    expect(stdout).toMatch(/^NOT SATISFIED/);
    expect(stdout).toContain("    expected  nothing of that name or digest\n    found     sha256:");
    expect(stdout).toContain(`
    MATCH dist/* WITH PRODUCTS FROM source        takes nothing; leaves dist/stemma.mjs
    DISALLOW *                                    fails for dist/stemma.mjs
`);
  });

  test("says why no rule was tried where an inspection was not carried out", async () => {
    const inspection = {
      ...{ _type: "inspection", name: "untar", run: ["tar", "xzf", "app.tgz"] },
      ...{ expected_materials: [], expected_products: [] },
    };
    const raw = toPlain(writeLayout(domain.layout())) as object;
    await writeFile(desk.path("draft.json"), JSON.stringify({ ...raw, inspect: [inspection] }));
    const { code, stdout } = await desk.stemma(["layout", "try", ...args(), "--layout", "draft.json"]);
    expect(code).toBe(1);
    expect(stdout).toContain("unsupported_inspection");
    expect(stdout).toContain("try a draft without inspections");
    expect(stdout).not.toContain("evidence for every step");
  });

  test("says what evidence was set aside, and why", async () => {
    const file = await draft(1, { functionaries: [alice] });
    expect(await attempt(1, "--layout", file)).toMatchObject({
      satisfied: false,
      reasons: [{ code: "functionary_not_authorized", step: "build" }],
    });
    const { stdout } = await desk.stemma(["layout", "try", ...args(), "--layout", file]);
    expect(stdout).toContain("Step build: 0 of 1 signature (not enough)");
    expect(stdout).toContain("Rules are tried once there is evidence for every step.");
    expect(stdout).toMatch(
      /Evidence that was set aside\n {2}[0-9a-f]{12}, step build: .*\(functionary_not_authorized\)/,
    );
  });

  test("cannot tell where the source cannot be reached", async () => {
    const [digest = ""] = args();
    const online = ["layout", "try", digest, "--project", "app", "--root", "root.json", "--domain", "d"];
    expect(await desk.json([...online, "--server", "http://127.0.0.1:9"], 3)).toHaveProperty("error.code");
  }, 20_000);
});
