import { expect, it } from "vitest";
import { parse } from "../../decimal/decimal";
import type { OrderEvent } from "../../feed/events";
import { fillFromEvent, fillFromWire, fromEvent, mergeFills, OrderTable, percentFilled, worth } from "./orders";

const event = (change: Partial<OrderEvent>): OrderEvent => ({
  e: "orderAccepted",
  E: 1_790_000_000_000_000,
  T: 1_790_000_000_000_000,
  s: "SOL_USDC",
  S: "Bid",
  o: "LIMIT",
  f: "GTC",
  X: "New",
  i: "118111600640",
  q: "5",
  p: "99.5",
  z: "0",
  Z: "0",
  ...change,
});

const fill = event({ e: "orderFill", X: "PartiallyFilled", z: "2", Z: "199", t: 9, l: "2", L: "99.5", m: true, n: "0.002", N: "SOL" });

const apply = (table: OrderTable, ...events: OrderEvent[]): void => {
  for (const each of events) table.apply(fromEvent(each, table.get(each.i)));
};

it("follows an order from acceptance to its end", () => {
  const table = new OrderTable();
  apply(table, event({ y: true }), fill);
  expect(table.get(fill.i)).toMatchObject({ executed: parse("2"), status: "PartiallyFilled", postOnly: true, createdMs: 1_790_000_000_000 });
  apply(table, event({ e: "orderCancelled", X: "Cancelled", z: "2", Z: "199" }));
  expect(table.orders.size).toBe(0);
});

it("ignores old news after newer news", () => {
  const table = new OrderTable();
  apply(table, fill, event({}));
  expect(table.get(fill.i)?.executed).toBe(parse("2"));
  apply(table, event({ e: "orderFill", X: "Filled", z: "5", Z: "497" }), event({}), fill);
  expect(table.orders.size).toBe(0);
  table.reset([fromEvent(event({}), undefined)]);
  expect(table.orders.size).toBe(0);
});

it("shows each fill once, whether it came by REST or by stream", () => {
  const streamed = fillFromEvent(fill);
  const read = fillFromWire({
    tradeId: 9,
    orderId: fill.i,
    symbol: "SOL_USDC",
    side: "Bid",
    price: "99.5",
    quantity: "2",
    fee: "0.002",
    feeSymbol: "SOL",
    isMaker: true,
    timestamp: "2026-09-21T14:13:20.000",
  });
  expect(streamed && mergeFills([streamed], [read])).toHaveLength(1);
  const later = { ...read, key: "another", tradeId: 10 }; // in the same millisecond
  expect(mergeFills([read, later], []).map((each) => each.tradeId)).toEqual([10, 9]);
  expect(mergeFills([later], [read]).map((each) => each.tradeId)).toEqual([10, 9]);
  expect(fillFromEvent(event({}))).toBeNull();
});

it("is worth what it is wanted for while it is open, and then what it came to", () => {
  const open = fromEvent(event({ p: "400", q: "1" }), undefined);
  expect(worth(open)).toBe(parse("400"));
  expect(worth({ ...open, price: null, triggerPrice: parse("120") })).toBe(parse("120"));
  const filled = { ...open, status: "Filled", executed: parse("1"), executedQuote: parse("150.15") } as const;
  expect(worth(filled)).toBe(parse("150.15"));
  expect(worth({ ...open, status: "Cancelled" })).toBe(0n);
});

it("a market order by what it spends is measured by that, and filled when the exchange says so", () => {
  const spent = { quantity: 0n, quoteQuantity: parse("1000"), executed: parse("6.63"), executedQuote: parse("999.804") };
  expect(percentFilled({ ...spent, status: "Filled" })).toBe("100");
  expect(percentFilled({ ...spent, status: "Expired" })).toBe(">99.9");
  expect(percentFilled({ status: "New", quantity: parse("3"), executed: parse("1"), executedQuote: 0n })).toBe("33.3");
});

it("a part that is filled is neither nothing nor all", () => {
  const part = (executed: string): string => percentFilled({ status: "PartiallyFilled", quantity: parse("1000000"), executed: parse(executed), executedQuote: 0n });
  expect(["0", "1", "250000", "999999.99"].map(part)).toEqual(["0", "<0.1", "25", ">99.9"]);
});
