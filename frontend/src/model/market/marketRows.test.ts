import { expect, test } from "vitest";
import { parse } from "../../decimal/decimal";
import { pressed, rowsOf, type Known, type View } from "./marketRows";
import { toMarket } from "./markets";
import type { Ticker } from "./tickers";

const market = (base: string) =>
  toMarket({
    symbol: `${base}_USDC`,
    baseSymbol: base,
    quoteSymbol: "USDC",
    marketType: "SPOT",
    orderBookState: "Open",
    visible: true,
    filters: {
      price: { tickSize: "0.01", minPrice: "0.01", maxPrice: null },
      quantity: { stepSize: "0.01", minQuantity: "0.01", maxQuantity: null },
    },
  });
const ticker = (first: string, last: string, quoteVolume: string): Ticker => ({
  first: parse(first),
  last: parse(last),
  high: parse(last),
  low: parse(first),
  volume: 0n,
  quoteVolume: parse(quoteVolume),
  trades: 1,
  move: "flat",
});
const known: Known = {
  markets: ["SOL", "BTC", "ETH"].map(market),
  names: new Map([["SOL", "Solana"]]),
  tickers: new Map([["SOL_USDC", ticker("100", "101", "5")], ["BTC_USDC", ticker("1000", "990", "70")]]),
  touches: new Map([["SOL_USDC", { bid: parse("1"), ask: parse("1.5") }], ["BTC_USDC", { bid: null, ask: parse("2") }]]),
  favourites: new Set(["ETH_USDC"]),
};
const view: View = { text: "", sort: null, isDescending: false, onlyFavourites: false };
const order = (change: Partial<View>): string => rowsOf(known, { ...view, ...change }).map((row) => row.market.base).join(" ");

test("favourites come first, or alone", () => {
  expect(order({})).toBe("ETH SOL BTC");
  expect(order({ onlyFavourites: true })).toBe("ETH");
  expect(order({ text: "solana" })).toBe("SOL");
});

test("sorted by a column, both ways; what is not known comes last", () => {
  expect(order({ sort: "market" })).toBe("BTC ETH SOL");
  expect(order({ sort: "change", isDescending: true })).toBe("SOL BTC ETH");
  expect(order({ sort: "change" })).toBe("BTC SOL ETH");
  expect(order({ sort: "volume", isDescending: true })).toBe("BTC SOL ETH");
  expect(order({ sort: "last" })).toBe("SOL BTC ETH");
  expect(order({ sort: "spread" })).toBe("SOL BTC ETH");
});

test("a spread is of two sides", () => {
  expect(rowsOf(known, view).map(({ spread }) => spread)).toEqual([null, parse("0.5"), null]);
});

test("a column's head is pressed three times round", () => {
  const once = pressed(view, "volume");
  expect(once).toMatchObject({ sort: "volume", isDescending: true });
  const twice = pressed(once, "volume");
  expect(twice).toMatchObject({ sort: "volume", isDescending: false });
  expect(pressed(twice, "volume").sort).toBe(null);
  expect(pressed(once, "market")).toMatchObject({ sort: "market", isDescending: false });
});
