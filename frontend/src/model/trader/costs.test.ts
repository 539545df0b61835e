import { expect, test } from "vitest";
import type { Side } from "../../api/types";
import { parse } from "../../decimal/decimal";
import { averageCost, positions } from "./costs";
import type { Fill } from "./orders";

let at = 0;
const fill = (side: Side, quantity: string, price: string, fee = "0", feeSymbol = "USDC", symbol = "SOL_USDC"): Fill => ({
  key: String((at += 1)),
  tradeId: at,
  orderId: "1",
  symbol,
  side,
  price: parse(price),
  quantity: parse(quantity),
  fee: parse(fee),
  feeSymbol,
  isMaker: false,
  timeMs: at,
});
const sol = (...fills: Fill[]) => positions(fills, "USDC").get("SOL");

test("purchases are averaged; a sale realises the difference and leaves the average", () => {
  const after = sol(fill("Bid", "1", "100"), fill("Bid", "3", "200"), fill("Ask", "2", "205"));
  expect(after).toEqual({ quantity: parse("2"), cost: parse("350"), realised: parse("60") });
  expect(after && averageCost(after)).toBe(parse("175"));
});

test("fees make the bought amount less, and the proceeds", () => {
  const after = sol(fill("Bid", "1", "100", "0.5", "SOL"), fill("Ask", "0.5", "300", "10"));
  expect(after).toEqual({ quantity: 0n, cost: 0n, realised: parse("40") });
});

test("what was deposited has no cost: selling it realises nothing", () => {
  expect(sol(fill("Ask", "5", "100"))).toEqual({ quantity: 0n, cost: 0n, realised: 0n });
  expect(sol(fill("Bid", "1", "100"), fill("Ask", "4", "150"))?.realised).toBe(parse("50"));
});

test("within a millisecond the order of the trades counts", () => {
  const fills = [fill("Bid", "5", "150.13"), fill("Bid", "1", "150.05"), fill("Ask", "1", "150.26"), fill("Ask", "2", "150.35")];
  const inOneMs = fills.map((each) => ({ ...each, timeMs: 0 }));
  expect(sol(...inOneMs.toReversed())).toEqual(sol(...fills));
});

test("the order of time counts, and only the markets of the quote asset", () => {
  const [buy, sell] = [fill("Bid", "1", "100"), fill("Ask", "1", "110")];
  expect(positions([sell, buy], "USDC").get("SOL")?.realised).toBe(parse("10"));
  expect(positions([fill("Bid", "1", "0.05", "0", "BTC", "ETH_BTC")], "USDC").size).toBe(0);
});
