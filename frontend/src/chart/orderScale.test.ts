import { expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import type { OrderLine } from "./orderLines";
import { beyondInWords, isSameBeyond, NOTHING_BEYOND, widened } from "./orderScale";

const line = (title: string, price: string): OrderLine => ({ key: title, title, price: parse(price), side: "Bid", orders: [], isTrigger: false });

it.each([
  [[], [100, 200]],
  [[210], [100, 210]],
  [[75, 225], [75, 225]], // a quarter of the bars' height
  [[74.9, 225.1], [100, 200]],
  [[1, 90, 150, 10_000], [90, 200]],
])("widens the scale for lines that are near: %o", (lines, [minValue, maxValue]) => {
  expect(widened({ minValue: 100, maxValue: 200 }, lines as number[])).toEqual({ minValue, maxValue });
});

it("names the nearest line that is out of sight, and counts the others", () => {
  const market = { priceDecimals: 2 } as Market;
  expect(beyondInWords([], market)).toBe("");
  expect(beyondInWords([line("Sell 2", "165")], market)).toBe("Sell 2 at 165.00");
  expect(beyondInWords([line("Sell 2", "165"), line("Sell 3", "170")], market)).toBe("Sell 2 at 165.00, 1 more");
});

it("is told again only when it is another", () => {
  const [one, other] = [line("Buy 1", "1"), line("Buy 1", "1")];
  expect(isSameBeyond(NOTHING_BEYOND, { above: [], below: [] })).toBe(true);
  expect(isSameBeyond({ above: [one], below: [] }, { above: [one], below: [] })).toBe(true);
  expect(isSameBeyond({ above: [one], below: [] }, { above: [other], below: [] })).toBe(false);
  expect(isSameBeyond({ above: [one], below: [] }, { above: [], below: [one] })).toBe(false);
});
