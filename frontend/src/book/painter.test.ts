// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import { BookReplica, type Change } from "../model/bookReplica";
import type { Market } from "../model/markets";
import type { Venue } from "../model/venue";
import { Rows } from "../ui/rows";
import { LadderPainter } from "./painter";

const market = { symbol: "SOL_USDC", tick: parse("0.01"), priceDecimals: 2, quantityDecimals: 2 } as Market;

it("shows the spread of the rows that stand beside it, whenever they are painted", () => {
  const book = new BookReplica();
  const level = (price: string): Change[] => [[parse(price), parse("1")]];
  book.reset(level("99.90"), level("100.00"), 1, 1000);
  const orders = { get: () => new Map() };
  const venue = { book: { symbol: "SOL_USDC", live: book as BookReplica | null }, account: { orders } };
  const column = (): Rows => new Rows(document.createElement("div"), 3, "option", null);
  const spread = document.createElement("span");
  const foot = document.createElement("p");
  const painter = new LadderPainter({ asks: column(), bids: column(), spread, foot }, venue as unknown as Venue, market, market.tick, "base");
  painter.fit({ asks: 200, bids: 200 });
  expect(spread.textContent).toBe("Spread 0.10 · 0.100%");
  book.reset(level("99.98"), level("100.00"), 2, 1000);
  painter.paint();
  expect(spread.textContent).toBe("Spread 0.02 · 0.020%");
  venue.book.live = null;
  painter.paint();
  expect(spread.textContent).toBe("Spread –");
});
