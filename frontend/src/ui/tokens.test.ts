import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const CSS = readFileSync(new URL("tokens.css", import.meta.url), "utf8");
const SURFACES = ["bg", "panel", "raised", "hover"];
const WORDS = ["text", "muted", "faint", "up", "down", "accent", "warn"];
const FILLS = ["buy", "buy-hover", "sell", "sell-hover"];
const LEAST = 4.5; // WCAG 2, level AA, of small text

/** What the rules for these attributes set, the later over the earlier. */
function tokensOf(attributes: readonly string[]): Map<string, string> {
  const rules = [...CSS.matchAll(/^:root(\S*) \{([^}]*)\}/gm)];
  const applied = rules.filter(([, selector = ""]) => (selector.match(/\[[^\]]+\]/g) ?? []).every((each) => attributes.includes(each)));
  return new Map(applied.flatMap(([, , body = ""]) => [...body.matchAll(/--([\w-]+): (#\w{6});/g)].map(([, name = "", value = ""]) => [name, value] as const)));
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [less = 0, more = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
}

const DARK: string[] = [];
const LIGHT = ['[data-colours="light"]'];
const SAFE = '[data-palette="safe"]';

test.each([
  ["dark", DARK],
  ["light", LIGHT],
  ["dark, colour-blind", [...DARK, SAFE]],
  ["light, colour-blind", [...LIGHT, SAFE]],
])("every text can be read on every surface: %s", (_, attributes) => {
  const tokens = tokensOf(attributes);
  const of = (name: string): string => tokens.get(name) ?? "";
  const pairs = [...WORDS.flatMap((word) => SURFACES.map((surface) => [word, surface])), ...FILLS.map((fill) => ["on-fill", fill])];
  const tooFaint = pairs.filter(([word = "", surface = ""]) => !(contrast(of(word), of(surface)) >= LEAST));
  expect(tooFaint).toEqual([]);
});
