/**
 * Numbers as people type and paste them, in the signs of their language and keypad: "1,234.5", "1 234,5", "1’234.5",
 * "١٬٢٣٤٫٥". A comma or point is taken only where it can be meant in one way: "1,234" of a reader whose language writes
 * decimals with a comma is refused in words, never guessed, since the guess would be wrong by a factor of a thousand.
 * Non-goal: the wire's own plain decimals; see decimal.ts.
 */
import { parse, SCALE, toText } from "./decimal";
import { readersLanguages } from "./language";

export type Typed = { value: bigint; problem?: undefined } | { value?: undefined; problem: string };

const SPACE = " ";
const APOSTROPHE = "'";
const ARABIC_THOUSANDS = "\u066C";
const ARABIC_DECIMAL = "\u066B";
const ALIKE: readonly [RegExp, string][] = [
  [/\p{Cf}/gu, ""], // marks of writing direction, which pasted text carries unseen
  [/[\p{Zs}\t]/gu, SPACE],
  [/[\u2019\u02BC\uFF07]/gu, APOSTROPHE],
  [/\uFF0C/gu, ","],
  [/\uFF0E/gu, "."],
];

/** What signs may mean to a reader: some may mean both. The page itself writes "1,234.5" in all languages. */
interface Signs {
  decimals: string;
  thousands: string;
}

const ALWAYS = SPACE + APOSTROPHE + ARABIC_THOUSANDS;
export const POINT: Signs = { decimals: `.${ARABIC_DECIMAL}`, thousands: `,${ALWAYS}` };
export const COMMA: Signs = { decimals: `.,${ARABIC_DECIMAL}`, thousands: `.,${ALWAYS}` };
/** Of languages whose own decimal sign only looks like a comma: a real one says nothing sure. */
export const NEITHER: Signs = { decimals: `.${ARABIC_DECIMAL}`, thousands: ALWAYS };

const NUMBER = /^[\d., '\u066B\u066C]*\d[\d., '\u066B\u066C]*$/;
const GROUPS = /^[1-9]\d{0,2}(?:([,. '\u066C])\d{3})(?:\1\d{3})*$/;
const LONGEST = 64;
const MISPLACED = "write it as 1234.5 or 1234,5, with separators between thousands only";
const NO_DECIMAL_COMMA = "write it as 1234.5, with a point before the decimals; commas part thousands only";

/** The digit of any script as 0…9: each script has its ten side by side, in order. */
function toAscii(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let first = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first -= 1;
  return String((code - first) % 10);
}

let last: { languages: string; signs: Signs } | null = null;

/** The signs of the reader's languages: as soon as one of them writes 1½ as "1,5", a comma may be meant so. */
export function signsOf(languages: readonly string[] = readersLanguages()): Signs {
  const key = languages.join();
  if (last?.languages !== key) {
    const decimals = languages.map(decimalSign);
    const signs = decimals.includes(",") ? COMMA : decimals.every((sign) => sign === ".") ? POINT : NEITHER;
    last = { languages: key, signs };
  }
  return last.signs;
}

function decimalSign(language: string): string {
  try {
    return new Intl.NumberFormat(language).formatToParts(1.5).find((part) => part.type === "decimal")?.value ?? ".";
  } catch {
    return "."; // no language tag
  }
}

/** The whole number without its separators; null if it is not digits, or not parted into thousands rightly. */
function ungrouped(whole: string, signs: Signs): string | null {
  if (/^\d*$/.test(whole)) return whole;
  const separator = GROUPS.exec(whole)?.[1];
  return separator !== undefined && signs.thousands.includes(separator) ? whole.replaceAll(separator, "") : null;
}

/** Every number that the text may mean, as [whole, fraction]: without decimals, and for each sign that may begin them. */
function readings(text: string, signs: Signs): [string, string][] {
  const found: [string, string][] = [];
  const whole = ungrouped(text, signs);
  if (whole !== null) found.push([whole, ""]);
  for (const decimal of signs.decimals) {
    const [before = "", after, ...more] = text.split(decimal);
    if (after === undefined || more.length > 0 || !/^\d*$/.test(after)) continue;
    const grouped = ungrouped(before, signs);
    if (grouped !== null) found.push([grouped, after]);
  }
  return found;
}

/** The number that was typed, or what is wrong with it in words that begin with `name`: "The price". */
export function readTyped(typed: string, name: string, signs: Signs = signsOf()): Typed {
  let text = typed.slice(0, LONGEST).replaceAll(/\p{Nd}/gu, toAscii);
  for (const [pattern, sign] of ALIKE) text = text.replaceAll(pattern, sign);
  text = text.trim();
  if (typed.length > LONGEST || !NUMBER.test(text)) return { problem: `${name} is not a number` };
  const [reading, second] = readings(text, signs);
  if (reading === undefined) return { problem: `${name} cannot be read: ${signs === COMMA ? MISPLACED : NO_DECIMAL_COMMA}` };
  if (second !== undefined) {
    const small = second.join(".");
    return { problem: `${name} can mean ${reading[0]} or ${small}: write ${reading[0]}, or ${small}0 with one more decimal` };
  }
  if (reading[1].length > SCALE) return { problem: `${name} has more than ${SCALE} decimals` };
  return { value: parse(reading.join(".")) };
}

/** Like readTyped, for what is worked out while somebody types. */
export function tryTyped(typed: string, signs: Signs = signsOf()): bigint | null {
  return readTyped(typed, "", signs).value ?? null;
}

/** The text of a value for a field that people change: it reads as exactly this value in their language. */
export function toTyped(value: bigint, signs: Signs = signsOf()): string {
  const text = toText(value);
  return tryTyped(text, signs) === value ? text : `${text}0`;
}
