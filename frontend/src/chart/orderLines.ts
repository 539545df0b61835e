/** Open orders as lines of the chart: one for each price and side, and one where a trigger waits. Pure. */
import type { Side } from "../api/types";
import { toText } from "../decimal/decimal";
import { trimmed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { Order } from "../model/trader/orders";
import { sideWord } from "../ticket/words";

export interface OrderLine {
  /** The same as long as it is the line of the same orders' price. */
  key: string;
  price: bigint;
  title: string;
  side: Side;
  orders: readonly Order[];
  /** A waiting order cannot be amended, so its line cannot be moved. */
  isTrigger: boolean;
}

export function orderLines(orders: Iterable<Order>, market: Market): OrderLine[] {
  const groups = new Map<string, Order[]>();
  for (const order of orders) {
    const at = linePrice(order);
    if (order.symbol !== market.symbol || at === null) continue;
    const key = `${order.side} ${order.status === "TriggerPending" ? "trigger " : ""}${toText(at)}`;
    groups.set(key, [...(groups.get(key) ?? []), order]);
  }
  return [...groups].map(([key, group]) => toLine(key, group, market));
}

const linePrice = (order: Order): bigint | null => (order.status === "TriggerPending" ? order.triggerPrice : order.price);

function toLine(key: string, orders: readonly Order[], market: Market): OrderLine {
  const [first] = orders as [Order, ...Order[]];
  const isTrigger = first.status === "TriggerPending";
  const left = orders.reduce((sum, order) => sum + order.quantity - order.executed, 0n);
  const count = orders.length > 1 ? ` (${orders.length})` : "";
  const title = `${isTrigger ? "Trigger " : ""}${sideWord(first.side)} ${trimmed(left, 0, market.quantityDecimals)}${count}`;
  return { key, price: linePrice(first) ?? 0n, title, side: first.side, orders, isTrigger };
}
