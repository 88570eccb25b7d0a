import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  asArray,
  asObject,
  fromPlain,
  type JsonObject,
  type JsonValue,
  jsonObject,
  parseJson,
  utf8,
} from "@stemma/encoding";
import {
  assembleEnvelope,
  failedAttributes,
  Meter,
  PREDICATE_WORDS,
  RUN_BUILD_TYPE,
  readAttributeRules,
  readEnvelope,
  readLayout,
} from "@stemma/in-toto";
import { newSigner } from "./support/domain.ts";
import { repositoryRoot } from "./support/service.ts";

const page = readFileSync(join(repositoryRoot, "docs/attestations.md"), "utf8");

/** The rows of all tables whose first heading is the given one, each as its cells without the marks of code. */
function rowsUnder(heading: string): string[][] {
  const tables = [...page.matchAll(/^\|.*\|$(?:\n^\|.*\|$)*/gm)].map((match) => match[0].split("\n"));
  return tables
    .filter(([head]) => head?.startsWith(`| ${heading} |`))
    .flatMap((lines) => lines.slice(2))
    .map((line) => line.slice(2, -2).split(" | "))
    .map((cells) => cells.map((cell) => cell.replace(/^`(.*)`$/, "$1")));
}

const json = (text: string): JsonValue => parseJson(utf8(text), { fractions: true });

test("the words for predicate types are those of the command", () => {
  expect(rowsUnder("Word")).toEqual([...PREDICATE_WORDS]);
  expect(page).toContain(`\`${RUN_BUILD_TYPE}\``);
});

describe("attributes", () => {
  const rows = rowsUnder("Operator");
  const failures = (rule: string, predicate: string): number =>
    failedAttributes(
      readAttributeRules([json(rule)], "rules"),
      jsonObject({ predicate: json(predicate) }),
      new Meter(),
    ).length;

  test.each(rows)("%s: %s passes %s and not %s", (operator, rule, passing, failing) => {
    expect(rule).toContain(operator);
    expect([failures(rule, passing), failures(rule, failing)]).toEqual([0, 1]);
  });

  test("every operator has its row", () => {
    const message = (() => {
      try {
        readAttributeRules([fromPlain({ at: "/x", nothing: 1 })], "rules");
      } catch (error) {
        return String(error);
      }
      return "";
    })();
    const known = /exactly one of ([\w, ]+);/.exec(message)?.[1]?.split(", ") ?? [];
    expect(known.length).toBeGreaterThan(5);
    const shown = new Set(rows.map(([operator]) => operator));
    expect(known.filter((operator) => !shown.has(operator))).toEqual([]);
  });
});

test("the layout that expects attestations is one", () => {
  const [example = ""] = [...page.matchAll(/```json\n([\s\S]*?)```/g)].map((match) => match[1] ?? "");
  const given = asObject(json(example), "example");
  const payload: JsonObject = new Map<string, JsonValue>([
    ["_type", "layout"],
    ["expires", "2027-01-01T00:00:00Z"],
    ...given,
  ]);
  const layout = readLayout(readEnvelope(assembleEnvelope(payload, "dsse", [])));
  const [step] = layout.steps;
  expect(step?.expectedPredicates.map(({ attributes }) => attributes.length)).toEqual([2, 1]);
  expect(step?.expectedPredicates[0]?.identities.size).toBe(1);

  // With a key of its own, the step would be refused, as the page says.
  const withKey = new Map(asObject(asArray(given.get("steps"), "steps")[0], "step"));
  const { publicKey } = newSigner();
  const keys = new Map([...asObject(given.get("keys"), "keys"), [publicKey.keyId, publicKey.toJson()]]);
  const refused = new Map<string, JsonValue>([
    ...payload,
    ["keys", keys],
    ["steps", [withKey.set("pubkeys", [publicKey.keyId])]],
  ]);
  expect(() => readLayout(readEnvelope(assembleEnvelope(refused, "dsse", [])))).toThrow(
    expect.objectContaining({ code: "bad_expected_predicate" }),
  );
});
