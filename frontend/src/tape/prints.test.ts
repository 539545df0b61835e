import { expect, it } from "vitest";
import { parse, toText } from "../decimal/decimal";
import type { Trade } from "../model/market/tape";
import { prints, type Print } from "./prints";

const trade = (id: number, taker: string | null, quantity: string, price = "100"): Trade => ({
  id,
  taker,
  quantity: parse(quantity),
  price: parse(price),
  timeMs: id,
  isSell: false,
});
const shown = (all: readonly Print[]): string[] => all.map(({ id, price, quantity, trades, share }) => `${id}: ${toText(quantity)} at ${toText(price)}, ${trades}, ${share}`);

const TRADES = [trade(6, "b", "1", "102"), trade(5, "a", "2", "101"), trade(4, "a", "6"), trade(3, null, "4"), trade(2, null, "4"), trade(1, "b", "0.5")];

it("shows what one taker's order did as one, at the price that it got last", () => {
  expect(shown(prints(TRADES, { isByOrder: true, least: 0n }))).toEqual([
    "6: 1 at 102, 1, 0.125",
    "4: 8 at 101, 2, 1",
    "3: 4 at 100, 1, 0.5",
    "2: 4 at 100, 1, 0.5",
    "1: 0.5 at 100, 1, 0.0625",
  ]);
});

it("shows each trade, and leaves out small ones", () => {
  expect(shown(prints(TRADES, { isByOrder: false, least: parse("2") }))).toEqual([
    "5: 2 at 101, 1, 0.3333",
    "4: 6 at 100, 1, 1",
    "3: 4 at 100, 1, 0.6666",
    "2: 4 at 100, 1, 0.6666",
  ]);
});
