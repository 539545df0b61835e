import { expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import type { Fill } from "../model/trader/orders";
import { fillMarks } from "./fillMarks";

const market = { symbol: "SOL_USDC", quantityDecimals: 2 } as Market;
const fill = (timeMs: number, side: Fill["side"], quantity: string, symbol = "SOL_USDC"): Fill =>
  ({ timeMs, side, quantity: parse(quantity), symbol }) as Fill;

it("points once at each bar and side, in order of time", () => {
  const fills = [fill(125_000, "Ask", "1"), fill(61_000, "Bid", "2"), fill(119_999, "Bid", "0.5"), fill(62_000, "Ask", "3"), fill(61_000, "Bid", "9", "ETH_USDC")];
  expect(fillMarks(fills, market, 60)).toEqual([
    { time: 60, side: "Bid", text: "2.5" },
    { time: 60, side: "Ask", text: "" },
    { time: 120, side: "Ask", text: "" },
  ]);
});

it("says the amount where no other arrow of its side is near", () => {
  const fills = [fill(0, "Bid", "1"), fill(480_000, "Bid", "2"), fill(500_000, "Ask", "5"), fill(900_000, "Bid", "3")];
  expect(fillMarks(fills, market, 60).map(({ text }) => text)).toEqual(["1", "", "5", ""]);
});
