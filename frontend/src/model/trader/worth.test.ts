import { expect, test } from "vitest";
import { parse } from "../../decimal/decimal";
import { holdings, listed } from "./worth";
import type { Ticker } from "../market/tickers";

const tickers = new Map([["SOL_USDC", { last: parse("150") } as Ticker]]);
const balance = (available: string, locked = "0") => ({ available: parse(available), locked: parse(locked) });

test("equity is what has a price; the most valuable comes first, what has none last", () => {
  const balances = new Map([["XRP", balance("7")], ["USDC", balance("40", "10")], ["SOL", balance("1")], ["BTC", balance("0")]]);
  const { equity, rows, unpriced } = holdings(balances, "USDC", tickers);
  expect(equity).toBe(parse("200"));
  expect(rows.map(({ asset, worth, share }) => [asset, worth, share])).toEqual([
    ["SOL", parse("150"), 7_500n],
    ["USDC", parse("50"), 2_500n],
    ["XRP", null, null],
  ]);
  expect(unpriced).toEqual(["XRP"]);
});

test("equal ones, and those without a price, come by their names, in whichever order they are held", () => {
  const prices = new Map(["A_USDC", "B_USDC", "C_USDC"].map((market) => [market, { last: parse("2") } as Ticker]));
  const held = ["C", "Y", "A", "X", "B"];
  for (const assets of [held, held.toReversed()]) {
    const { rows } = holdings(new Map(assets.map((asset) => [asset, balance("1")])), "USDC", prices);
    expect(rows.map(({ asset }) => asset)).toEqual(["A", "B", "C", "X", "Y"]);
  }
});

test("assets are named as people name them", () => {
  expect([[], ["A"], ["A", "B"], ["A", "B", "C"]].map(listed)).toEqual(["", "A", "A and B", "A, B and C"]);
});
