/** An order in the words that people use for it. Pure. */
import type { Side } from "../api/types";
import { fixed, trimmed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { Order } from "../model/trader/orders";

export function sideWord(side: Side): "Buy" | "Sell" {
  return side === "Bid" ? "Buy" : "Sell";
}

export function pairOf(symbol: string): string {
  return symbol.replace("_", "/");
}

/**
 * Of a waiting order, which the wire calls nothing: whether its trigger lies where the market would run against it, or
 * in its favour. It has not been reached since, so the last price is still on the side where it was at placement.
 */
function triggerWord(order: Order, last: bigint | null): string {
  if (last === null || order.triggerPrice === null) return "Trigger";
  return order.triggerPrice > last === (order.side === "Bid") ? "Stop" : "Take-profit";
}

export function kindOf(order: Order, last: bigint | null): string {
  if (order.status === "TriggerPending") return `${triggerWord(order, last)} ${order.type.toLowerCase()}`;
  if (order.display !== null) return "Iceberg";
  if (order.postOnly) return "Post-only";
  return order.timeInForce === "GTC" ? order.type : `${order.type} ${order.timeInForce}`;
}

/** "buy 2 SOL at 149.50" or "sell 2 SOL at market from 140.00": what tells it from others. */
export function describe(order: Order, market: Market | undefined): string {
  const base = market?.base ?? order.symbol.split("_")[0] ?? "";
  const price = (value: bigint): string => fixed(value, market?.priceDecimals ?? 2);
  const amount = `${sideWord(order.side).toLowerCase()} ${trimmed(order.quantity, 0, market?.quantityDecimals ?? 8)} ${base}`;
  const at = order.price === null ? "market" : price(order.price);
  const trigger = order.status === "TriggerPending" && order.triggerPrice !== null ? ` from ${price(order.triggerPrice)}` : "";
  return `${amount} at ${at}${trigger}`;
}
