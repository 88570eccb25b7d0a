import { attributeText, type FunctionarySet, type Inspection, type Layout, type Step } from "@stemma/in-toto";
import type { Description } from "./describe.ts";
import { functionaryWords } from "./functionary-words.ts";
import { type Line, styled } from "./output.ts";
import { ruleSentences, type Sentence, sentenceText } from "./rule-words.ts";
import { describeMoment } from "./time.ts";

/** What a layout asks for, in plain words: who does what, what may go in and come out, and until when it holds. */
export function layoutWords(layout: Layout, now: Date): Description {
  const steps = layout.steps.map((step, index) => ({
    name: step.name,
    sentences: stepSentences(step, index === layout.steps.length - 1),
  }));
  const inspections = layout.inspections.map((inspection) => ({
    name: inspection.name,
    sentences: inspectionSentences(inspection),
  }));
  const life = `The layout holds until ${describeMoment(layout.expires, now)}.`;
  const section = (kind: string, { name, sentences }: Section): Line[] => [
    "",
    [styled("bold", `${kind} ${name}`)],
    ...sentences.flatMap(({ text, items = [] }) => [`  ${text}`, ...items.map((item) => `    - ${item}`)]),
  ];
  const plain = ({ name, sentences }: Section) => ({ name, sentences: sentences.map(sentenceText) });
  return {
    document: {
      expires: layout.expires,
      readme: layout.readme,
      steps: steps.map(plain),
      inspections: inspections.map(plain),
    },
    lines: [
      life,
      ...(layout.readme === "" ? [] : [`Its owners say: ${layout.readme}`]),
      ...steps.flatMap((step) => section("Step", step)),
      ...inspections.flatMap((inspection) => section("Inspection", inspection)),
    ],
  };
}

interface Section {
  readonly name: string;
  readonly sentences: readonly Sentence[];
}

function stepSentences(step: Step, isLast: boolean): readonly Sentence[] {
  const command = step.expectedCommand.join(" ");
  return [
    ...whoSentences(step),
    ...listSentences(step),
    ...(command === ""
      ? []
      : [{ text: `It should run "${command}"; another command is only warned about.` }]),
    ...(isLast ? [{ text: "One of its products must be the artifact that is asked about." }] : []),
  ];
}

function whoSentences(step: Step): readonly Sentence[] {
  if (step.expectedPredicates.length === 0) {
    const told = step.threshold > 1 ? "carry it out and report the same" : "carry it out";
    return [signersSentence(step, step.threshold, told)];
  }
  return step.expectedPredicates.flatMap((expected, index) => [
    signersSentence(expected, expected.threshold, `attest ${expected.predicateType}`),
    {
      text:
        index === 0
          ? "That attestation says what its materials and products are."
          : "That attestation must be about the products of the step.",
    },
    ...expected.attributes.map((rule) => ({ text: `In it, ${attributeText(rule)}.` })),
  ]);
}

/** `Key … must carry it out.`, or `2 of these 3 must …:` and who they are. */
function signersSentence(set: FunctionarySet, threshold: number, told: string): Sentence {
  const who = functionaryWords(set);
  const [only] = who;
  if (who.length === 1 && threshold === 1 && only !== undefined) {
    return { text: `${capital(only)} must ${told}.` };
  }
  // Whoever has a certificate may be many.
  const many = set.constraints.length > 0;
  const count = threshold === 1 ? "One" : String(threshold);
  const group =
    !many && threshold === who.length
      ? `All ${who.length} of these`
      : `${count} of these${many ? "" : ` ${who.length}`}`;
  return { text: `${group} must ${told}:`, items: who };
}

function listSentences({ expectedMaterials, expectedProducts }: Step | Inspection): readonly Sentence[] {
  return [...ruleSentences("materials", expectedMaterials), ...ruleSentences("products", expectedProducts)];
}

function inspectionSentences(inspection: Inspection): readonly Sentence[] {
  const command = inspection.run.join(" ");
  return [
    {
      text: `Whoever verifies must have "${command}" carried out; no service does that, and without it the artifact is denied.`,
    },
    ...listSentences(inspection),
  ];
}

/** Identities are exact texts, which a capital letter would change. */
function capital(text: string): string {
  return /^(?:key|whoever) /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
