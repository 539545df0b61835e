import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse, toText } from "./decimal";
import { COMMA, NEITHER, POINT, readTyped, signsOf, toTyped, tryTyped } from "./typed";

const english = signsOf(["en-US", "en"]);
const german = signsOf(["de-DE"]);
const swiss = signsOf(["fr-CH"]);
const arabic = signsOf(["ar-EG"]);

/** A text in a language, and the plain number it is read as; null: refused. */
const read = (text: string, signs = english): string | null => {
  const value = tryTyped(text, signs);
  return value === null ? null : toText(value);
};

it("knows the signs of languages, the most careful ones of several", () => {
  expect([english, german, swiss, arabic]).toEqual([POINT, COMMA, COMMA, NEITHER]);
  expect(signsOf(["de-CH"])).toBe(POINT);
  expect(signsOf(["en-US", "de"])).toBe(COMMA);
  expect(signsOf(["en-US", "fa-IR"])).toBe(NEITHER);
  expect(signsOf([])).toBe(POINT);
  expect(signsOf(["no language"])).toBe(POINT);
});

describe("a decimal comma", () => {
  it.each(["1,5", "149,5", "0,001", "0,123", "1234,567", "1,2345", ",5", "5,", "1,23,456"])("%s is refused in English", (text) => {
    expect(read(text)).toBeNull();
    expect(readTyped(text, "The price", english).problem).toMatch(/^The price cannot be read: .* point before the decimals/);
  });

  it.each([
    ["1,5", "1.5"],
    ["149,5", "149.5"],
    ["0,001", "0.001"],
    ["1234,567", "1234.567"],
    ["1,2340", "1.234"],
    [",5", "0.5"],
    ["5,", "5"],
    ["1.234,5", "1234.5"],
    ["1.234.567", "1234567"],
    ["1\u202F234,5", "1234.5"],
    ["1’234,5", "1234.5"],
  ])("%s is %s in German and in Swiss French", (text, value) => {
    expect(read(text, german)).toBe(value);
    expect(read(text, swiss)).toBe(value);
  });

  it.each(["1,234", "1.234", "149,512", "999.999"])("%s can mean two numbers where the comma is a decimal sign", (text) => {
    const { problem } = readTyped(text, "The amount", german);
    const [large, small] = [text.replace(/\D/, ""), text.replace(",", ".")];
    expect(problem).toBe(`The amount can mean ${large} or ${small}: write ${large}, or ${small}0 with one more decimal`);
    expect(read(large, german)).toBe(large);
    expect(read(`${small}0`, german)).toBe(small);
  });

  it.each(["1,5", "1,234", "1,234.5", "1،5", "1،234"])("%s says nothing sure where the decimal sign only looks like a comma", (text) => {
    expect(read(text, arabic)).toBeNull();
  });
});

describe("thousands", () => {
  it.each([
    ["1,234", "1234"],
    ["12,345.5", "12345.5"],
    ["1,234,567.89", "1234567.89"],
    ["1 234.5", "1234.5"],
    ["1\u00A0234\u00A0567", "1234567"],
    ["1\u202F234.5", "1234.5"],
    ["1\u2009234.5", "1234.5"],
    ["1'234.5", "1234.5"],
    ["1’234’567.5", "1234567.5"],
    ["1，234．5", "1234.5"],
    [" 99.5 ", "99.5"],
    ["\u200E99.5", "99.5"],
  ])("%j is %s in English", (text, value) => {
    expect(read(text)).toBe(value);
  });

  it.each(["1,23", "12,34.5", "1,2345", "0,123.5", "1 5", "1'5", "1 23", "1,234 567", "1,234'567", "1.5,234", "1.234,5", "1.234.567", "1,,234", "1.2.3"])(
    "%j is refused in English",
    (text) => {
      expect(read(text)).toBeNull();
    },
  );
});

describe("digits and signs of other scripts", () => {
  it.each([
    ["١٫٥", "1.5"],
    ["١٬٢٣٤٫٥", "1234.5"],
    ["\u200F١٢٣٫٤٥\u200F", "123.45"],
    ["۱۲۳٫۴", "123.4"],
    ["१२.५", "12.5"],
    ["１２．５", "12.5"],
    ["\u{1D7CF}\u{1D7D8}.5", "10.5"],
  ])("%s is %s everywhere", (text, value) => {
    for (const signs of [english, german, swiss, arabic]) expect(read(text, signs)).toBe(value);
  });

  it.each(["", " ", ".", ",", "1e5", "0x10", "NaN", "Infinity", "-1", "+1", "−1", "1²", "½", "Ⅷ", "1%", "$1", "1·5", "1_000", "1/2", "9".repeat(65)])(
    "%j is no number anywhere",
    (text) => {
      for (const signs of [english, german, swiss, arabic]) expect(readTyped(text, "The price", signs).problem).toBe("The price is not a number");
    },
  );
});

const language = fc.constantFrom("en-US", "de-DE", "fr-CH", "fr-FR", "de-CH", "ar-EG", "fa-IR", "hi-IN", "pt-BR", "ru-RU", "ja-JP", "es-ES");
const amount = fc.tuple(fc.bigInt(0n, 10n ** 12n), fc.integer({ min: 0, max: 8 })).map(([digits, decimals]) => digits * 10n ** BigInt(18 - decimals));
const keys = fc.string({ unit: fc.constantFrom(..."0123456789".repeat(2), ".", ",", "'", "’", " ", "\u202F", "٬", "٫", "٣"), maxLength: 12 });

describe("for every text", () => {
  it("what a language writes is read as itself or refused, never as another number", () => {
    fc.assert(
      fc.property(language, amount, (name, value) => {
        const shown = new Intl.NumberFormat(name, { maximumFractionDigits: 18 }).format(toText(value) as unknown as number);
        expect([toText(value), null]).toContain(read(shown, signsOf([name])));
      }),
      { numRuns: 2000 },
    );
  });

  it("never depends on the language which number is read, only whether", () => {
    fc.assert(
      fc.property(keys, (text) => {
        const values = new Set([POINT, COMMA, NEITHER].map((signs) => read(text, signs)).filter((value) => value !== null));
        if (!/^[1-9]\d{0,2}[,.]\d{3}$/.test(text)) expect(values.size).toBeLessThanOrEqual(1);
      }),
      { numRuns: 5000 },
    );
  });

  it("has the digits that were typed, and no decimal sign less", () => {
    fc.assert(
      fc.property(keys, fc.constantFrom(POINT, COMMA, NEITHER), (text, signs) => {
        const value = tryTyped(text, signs);
        if (value === null) return;
        const digits = text.replaceAll("٣", "3").replaceAll(/\D/g, "");
        const plain = toText(value);
        expect(digits.replaceAll(/^0+|0+$/g, "")).toBe(plain.replace(".", "").replaceAll(/^0+|0+$/g, ""));
        const after = /[.,٫](\d*)$/.exec(text.replaceAll("٣", "3").trim())?.[1];
        if (after !== undefined && after.length !== 3) expect(value).toBe(parse(`${digits.slice(0, digits.length - after.length) || "0"}.${after}`));
      }),
      { numRuns: 5000 },
    );
  });

  it("what the page writes into a field is read as exactly that", () => {
    fc.assert(
      fc.property(amount, fc.constantFrom(POINT, COMMA, NEITHER), (value, signs) => {
        expect(tryTyped(toTyped(value, signs), signs)).toBe(value);
      }),
      { numRuns: 2000 },
    );
    expect([toTyped(parse("1.234"), COMMA), toTyped(parse("149.5"), COMMA), toTyped(parse("1.234"), POINT)]).toEqual(["1.2340", "149.5", "1.234"]);
  });
});
