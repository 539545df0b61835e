// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import { BookReplica, type Change } from "../model/depth/bookReplica";
import type { Market } from "../model/market/markets";
import type { Venue } from "../model/venue";
import { Rows } from "../ui/rows";
import { LadderPainter } from "./painter";

const market = { symbol: "SOL_USDC", tick: parse("0.01"), priceDecimals: 2, quantityDecimals: 2 } as Market;

it("shows the spread of the rows that stand beside it, whenever they are painted", () => {
  const book = new BookReplica();
  const level = (price: string): Change[] => [[parse(price), parse("1")]];
  book.reset(level("99.90"), level("100.00"), 1, 1000);
  const orders = { get: () => new Map() };
  const venue = { book: { symbol: "SOL_USDC", live: book as BookReplica | null }, account: { orders }, queues: { places: orders } };
  const column = (): Rows => new Rows(document.createElement("div"), 3, "option", null);
  const spread = document.createElement("span");
  const foot = document.createElement("p");
  const painter = new LadderPainter({ asks: column(), bids: column(), spread, foot }, venue as unknown as Venue, market, market.tick, "base");
  painter.fit({ asks: 200, bids: 200, width: 300 });
  expect(spread.textContent).toBe("Spread 0.10 · 0.100%");
  book.reset(level("99.98"), level("100.00"), 2, 1000);
  painter.paint();
  expect(spread.textContent).toBe("Spread 0.02 · 0.020%");
  venue.book.live = null;
  painter.paint();
  expect(spread.textContent).toBe("Spread –");
});

it("keeps long numbers in their columns: of a market of tiny prices and huge amounts", () => {
  const tiny = { symbol: "PEPE_BTC", base: "PEPE", quote: "BTC", tick: parse("0.0000000001"), priceDecimals: 10, quantityDecimals: 0 } as Market;
  const book = new BookReplica();
  book.reset([[parse("0.0000012345"), parse("3555360000")], [parse("0.0000012344"), parse("790080000")]], [[parse("0.0000012347"), parse("10000")]], 1, 1000);
  const own = { symbol: "PEPE_BTC", side: "Bid", price: parse("0.0000012345"), quantity: parse("790080000"), executed: 0n, display: null, status: "New" };
  const venue = { book: { symbol: "PEPE_BTC", live: book }, account: { orders: { get: () => new Map([["1", own]]) } }, queues: { places: { get: () => new Map() } } };
  const [frame, bids] = [document.createElement("div"), document.createElement("div")];
  const foot = frame.appendChild(document.createElement("p"));
  const spread = document.createElement("span");
  const rows = { asks: new Rows(document.createElement("div"), 4, "option", "ask-"), bids: new Rows(bids, 4, "option", "bid-") };
  const painter = new LadderPainter({ ...rows, spread, foot }, venue as unknown as Venue, tiny, tiny.tick, "base");
  const cells = (): (string | null)[] => [...(bids.firstElementChild?.children ?? [])].map(({ textContent }) => textContent);
  painter.fit({ asks: 0, bids: 60, width: 300 });
  expect(cells()).toEqual(["0.0000012345", "3.56B", "3.56B", ""]);
  expect(spread.textContent).toBe("Spread 0.0000000002");
  expect(frame.style.getPropertyValue("--price-ch")).toBe("12");
  painter.fit({ asks: 0, bids: 60, width: 390 });
  expect(cells()[3]).toBe("790.08M");
  painter.hover("bid-1");
  expect(foot.textContent).toBe("4,345,440,000 PEPE · 5.36K BTC · average 0.0000012345");
});

it("marks what the book shows of one's own orders, not what an iceberg hides", () => {
  const book = new BookReplica();
  book.reset([[parse("99.90"), parse("15")]], [], 1, 1000);
  const iceberg = { id: "1", symbol: "SOL_USDC", side: "Bid", price: parse("99.90"), quantity: parse("500"), executed: parse("2"), display: parse("10"), status: "New" };
  const plain = { ...iceberg, id: "2", quantity: parse("5"), executed: 0n, display: null };
  const orders = new Map<string, object>([["1", iceberg], ["2", plain]]);
  const places = new Map<string, { shown: bigint }>();
  const account = { orders: { get: () => orders } };
  const venue = { book: { symbol: "SOL_USDC", live: book }, account, queues: { places: { get: () => places } } };
  const [asks, bids] = [document.createElement("div"), document.createElement("div")];
  const rows = { asks: new Rows(asks, 4, "option", "ask-"), bids: new Rows(bids, 4, "option", "bid-") };
  const [spread, foot] = [document.createElement("span"), document.createElement("p")];
  const painter = new LadderPainter({ ...rows, spread, foot }, venue as unknown as Venue, market, market.tick, "base");
  painter.fit({ asks: 0, bids: 20, width: 400 });
  const mark = (): string | null | undefined => bids.firstElementChild?.lastElementChild?.textContent;
  expect(mark()).toBe("15"); // at most its part, until its place is known
  places.set("1", { shown: parse("8") });
  painter.paint();
  expect(mark()).toBe("13");
  painter.hover("bid-0");
  expect(foot.textContent).toContain("yours 13");
});

it("says how the sides compare without calling little nothing", () => {
  const book = new BookReplica();
  book.reset([[parse("99.90"), parse("100000")]], [[parse("100"), parse("1")]], 1, 1000);
  const nothing = { get: () => new Map() };
  const venue = { book: { symbol: "SOL_USDC", live: book }, account: { orders: nothing }, queues: { places: nothing } };
  const column = (): Rows => new Rows(document.createElement("div"), 4, "option", null);
  const foot = document.createElement("p");
  const places = { asks: column(), bids: column(), spread: document.createElement("span"), foot };
  new LadderPainter(places, venue as unknown as Venue, market, market.tick, "base").fit({ asks: 20, bids: 20, width: 400 });
  expect(foot.textContent).toBe("Bids >99 % · Asks <1 %");
});

it("shows small amounts with all their decimals", () => {
  const fine = { ...market, quantityDecimals: 8 } as Market;
  const book = new BookReplica();
  book.reset([[parse("99.90"), parse("0.12345678")], [parse("99.80"), parse("12.5")], [parse("99.70"), parse("12.50000001")]], [], 1, 1000);
  const nothing = { get: () => new Map() };
  const venue = { book: { symbol: "SOL_USDC", live: book }, account: { orders: nothing }, queues: { places: nothing } };
  const bids = document.createElement("div");
  const rows = { asks: new Rows(document.createElement("div"), 4, "option", "ask-"), bids: new Rows(bids, 4, "option", "bid-") };
  const [spread, foot] = [document.createElement("span"), document.createElement("p")];
  new LadderPainter({ ...rows, spread, foot }, venue as unknown as Venue, fine, fine.tick, "base").fit({ asks: 0, bids: 60, width: 400 });
  const amounts = [...bids.children].map((row) => row.children[1]?.textContent);
  expect(amounts).toEqual(["0.12345678", "12.5000000", "12.500000…"]);
});
