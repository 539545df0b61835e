import { expect, it } from "vitest";
import { parse, toText } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import type { Order } from "../model/trader/orders";
import { orderLines } from "./orderLines";

const market = { symbol: "SOL_USDC", quantityDecimals: 2 } as Market;
const order = (id: string, change: Partial<Order>): Order =>
  ({ id, symbol: "SOL_USDC", side: "Bid", status: "New", price: parse("149"), triggerPrice: null, quantity: parse("2"), executed: 0n, ...change }) as Order;

it("draws one line for each price and side, and where each trigger waits", () => {
  const lines = orderLines(
    [
      order("1", {}),
      order("2", { quantity: parse("3.5"), executed: parse("0.25"), status: "PartiallyFilled" }),
      order("3", { side: "Ask", price: parse("151") }),
      order("4", { status: "TriggerPending", side: "Ask", price: null, triggerPrice: parse("140") }),
      order("5", { status: "TriggerPending", side: "Ask", price: parse("139"), triggerPrice: parse("140") }),
      order("6", { symbol: "ETH_USDC" }),
    ],
    market,
  );
  expect(lines.map(({ price, title, isTrigger, orders }) => [toText(price), title, isTrigger, orders.map(({ id }) => id).join()])).toEqual([
    ["149", "Buy 5.25 (2)", false, "1,2"],
    ["151", "Sell 2", false, "3"],
    ["140", "Trigger Sell 4 (2)", true, "4,5"],
  ]);
});
