/** What is typed into an open order's row, as the change to ask for. Pure. */
import type { Amendment } from "../api/types";
import { toText } from "../decimal/decimal";
import { trimmed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import { isResting, type Order } from "../model/trader/orders";
import { checkPrice, checkQuantity } from "../ticket/fieldChecks";

export interface Typed {
  price: string;
  quantity: string;
}

export interface Amended {
  problem: string | null;
  /** Null while there is a problem, or nothing to change. */
  change: Amendment | null;
  /** Less of the same price keeps its place in the queue; anything else goes to its end. */
  keepsPlace: boolean;
}

/** Why an order cannot be changed at all; null if it can. */
export function whyNotAmendable(order: Order): string | null {
  return isResting(order) ? null : "An order that waits for its trigger cannot be amended: cancel it and place another";
}

export function amend(order: Order, typed: Typed, market: Market): Amended {
  const [price, badPrice] = checkPrice(typed.price, market);
  const [quantity, badQuantity] = checkQuantity(typed.quantity, market);
  const problem = badPrice ?? badQuantity ?? tooSmall(order, quantity, market);
  if (problem !== null || price === null || quantity === null) return { problem, change: null, keepsPlace: false };
  const change: Amendment = {
    ...(price === order.price ? {} : { price: toText(price) }),
    ...(quantity === order.quantity ? {} : { quantity: toText(quantity) }),
  };
  const isChange = Object.keys(change).length > 0;
  return { problem, change: isChange ? change : null, keepsPlace: price === order.price && quantity <= order.quantity };
}

function tooSmall(order: Order, quantity: bigint | null, market: Market): string | null {
  if (quantity === null || quantity > order.executed) return null;
  const executed = trimmed(order.executed, 0, market.quantityDecimals);
  return `${executed} ${market.base} of it are traded already: the amount must be above that`;
}
