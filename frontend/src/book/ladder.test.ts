import { expect, it } from "vitest";
import { parse, toText } from "../decimal/decimal";
import { BookReplica, type Change } from "../model/depth/bookReplica";
import { EMPTY_VIEW, ladder, type LadderRow } from "./ladder";

const book = (bids: [string, string][], asks: [string, string][]): BookReplica => {
  const changes = (side: [string, string][]): Change[] => side.map(([price, quantity]) => [parse(price), parse(quantity)]);
  const made = new BookReplica();
  made.reset(changes(bids), changes(asks), 1, 1000);
  return made;
};

const shown = (rows: readonly LadderRow[]): string[] =>
  rows.map((row) => `${toText(row.price)} ${toText(row.quantity)} ${toText(row.total)}`);

const TICK = parse("0.01");
const made = book(
  [["99.98", "1"], ["99.95", "2"], ["99.89", "4"]],
  [["100.01", "1.5"], ["100.10", "2"], ["100.11", "3"]],
);

it("lists levels best first with running totals", () => {
  const view = ladder(made, { bids: 10, asks: 10 }, TICK, TICK);
  expect(shown(view.asks)).toEqual(["100.01 1.5 1.5", "100.1 2 3.5", "100.11 3 6.5"]);
  expect(shown(view.bids)).toEqual(["99.98 1 1", "99.95 2 3", "99.89 4 7"]);
  expect(toText(view.spread ?? 0n)).toBe("0.03");
  expect(view.bids.at(-1)?.share).toBe(1);
  expect(toText(view.bids.at(-1)?.totalQuote ?? 0n)).toBe("699.44"); // each level at its own price
  expect(view.imbalance).toBe(0.5185);
  expect(view.asks.at(-1)?.share).toBe(0.9285);
});

it("merges levels away from the other side, so that groups never meet", () => {
  const view = ladder(made, { bids: 10, asks: 10 }, parse("0.1"), TICK);
  expect(shown(view.asks)).toEqual(["100.1 3.5 3.5", "100.2 3 6.5"]);
  expect(shown(view.bids)).toEqual(["99.9 3 3", "99.8 4 7"]);
});

it("stops at the rows there are, with whole groups", () => {
  expect(shown(ladder(made, { bids: 1, asks: 1 }, parse("0.1"), TICK).asks)).toEqual(["100.1 3.5 3.5"]);
  expect(ladder(book([], []), { bids: 5, asks: 5 }, TICK, TICK)).toEqual(EMPTY_VIEW);
});

it("has as many rows a side as there is room for, none where it is left out", () => {
  const view = ladder(made, { bids: 2, asks: 0 }, TICK, TICK);
  expect([shown(view.bids), shown(view.asks), view.imbalance]).toEqual([["99.98 1 1", "99.95 2 3"], [], 1]);
});
