import { describe, expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import { check } from "./checks";
import { EMPTY, type Draft, type Surroundings } from "./draft";
import { risks } from "./risks";

const market = { symbol: "SOL_USDC", base: "SOL", quote: "USDC", tick: parse("0.01"), step: parse("0.001"), priceDecimals: 2, quantityDecimals: 3 } as Market;
const around: Surroundings = {
  market: { ...market, state: "Open", minPrice: 0n, maxPrice: null, minQuantity: 0n, maxQuantity: null },
  bestBid: parse("99"),
  bestAsk: parse("100"),
  last: parse("100"),
  availableBase: parse("100"),
  availableQuote: parse("10000"),
  totalBase: parse("100"),
  totalQuote: parse("10000"),
};

const asked = (change: Partial<Draft>, average: string | null = null): string[] => {
  const draft = { ...EMPTY, quantity: "1", ...change };
  const walked = average === null ? null : { base: parse("1"), quote: parse(average), isFilled: true };
  return risks(draft, check(draft, around).values, around, walked).map(({ confirmation, words }) => `${confirmation}: ${words}`);
};

describe("a person is asked", () => {
  it.each([
    [{ price: "102" }, []],
    [{ price: "102.01" }, ["through: The price is 2.0 % worse than the best ask, 100.00."]],
    [{ price: "102.01", handling: "PostOnly" }, []],
    [{ side: "Ask", price: "97.02" }, []],
    [{ side: "Ask", price: "50" }, ["through: The price is 49.5 % worse than the best bid, 99.00."]],
    [{ kind: "stop", trigger: "110", price: "112" }, []],
    [{ kind: "stop", trigger: "110", price: "115" }, ["through: The price is 4.5 % worse than its trigger, 110.00."]],
    [{ price: "90", quantity: "27.777" }, []],
    [{ price: "90", quantity: "28" }, ["share: It takes 25 % of your USDC, what is in orders included."]],
    [{ side: "Ask", price: "150", quantity: "80" }, ["share: It takes 80 % of your SOL, what is in orders included."]],
    [{ kind: "market", sizedBy: "quote", quoteQuantity: "9000", quantity: "" }, ["share: It takes 90 % of your USDC, what is in orders included."]],
  ] as [Partial<Draft>, string[]][])("about %o: %o", (change, words) => {
    expect(asked(change)).toEqual(words);
  });

  it("by what the account has, not by what its other orders leave", () => {
    const draft = { ...EMPTY, price: "90", quantity: "20" };
    const words = (where: Partial<Surroundings>): string[] => {
      const now = { ...around, ...where };
      return risks(draft, check(draft, now).values, now, null).map((risk) => risk.words);
    };
    expect(words({ availableQuote: parse("2000") })).toEqual([]); // 18 % of ten thousand
    expect(words({ availableQuote: parse("2000"), totalQuote: parse("4000") })).toEqual(["It takes 45 % of your USDC, what is in orders included."]);
  });

  it("about a market order that the book cannot fill", () => {
    const draft: Draft = { ...EMPTY, kind: "market", quantity: "50" };
    const walked = { base: parse("12"), quote: parse("1200"), isFilled: false };
    expect(risks(draft, check(draft, around).values, around, walked).map(({ words }) => words)).toEqual([
      "The book has only 12 SOL of it within its limits: the rest expires at once.",
    ]);
  });

  it("about what a thin book costs", () => {
    expect(asked({ kind: "market" }, "100.5")).toEqual([]);
    expect(asked({ kind: "market" }, "100.6")).toEqual(["slippage: The average price is 0.6 % worse than the best one: the book is thin."]);
    expect(asked({ kind: "market", side: "Ask" }, "98")).toEqual(["slippage: The average price is 1.0 % worse than the best one: the book is thin."]);
  });
});
