/**
 * Profit and loss by average cost, from fills. What was bought here has a cost; what was deposited has none, so selling more
 * than was bought realises nothing beyond that part. Fees count: of a purchase they make the amount less, of a sale the
 * proceeds. Pure, and exact but for one rounding of 10⁻¹⁸ a fill.
 */
import { divide, min, multiply } from "../../decimal/decimal";
import { byTime, type Fill } from "./orders";

export interface Position {
  /** Bought here and not yet sold. */
  quantity: bigint;
  cost: bigint;
  realised: bigint;
}

const NOTHING: Position = { quantity: 0n, cost: 0n, realised: 0n };

export function averageCost({ quantity, cost }: Position): bigint | null {
  return quantity > 0n ? divide(cost, quantity) : null;
}

function bought(before: Position, fill: Fill, base: string): Position {
  const [feeBase, feeQuote] = fill.feeSymbol === base ? [fill.fee, 0n] : [0n, fill.fee];
  return {
    ...before,
    quantity: before.quantity + fill.quantity - feeBase,
    cost: before.cost + multiply(fill.price, fill.quantity) + feeQuote,
  };
}

function sold(before: Position, fill: Fill, base: string): Position {
  const part = min(fill.quantity, before.quantity);
  if (part === 0n) return before;
  const fee = fill.feeSymbol === base ? multiply(fill.price, fill.fee) : fill.fee;
  const cost = (before.cost * part) / before.quantity;
  const proceeds = ((multiply(fill.price, fill.quantity) - fee) * part) / fill.quantity;
  return { quantity: before.quantity - part, cost: before.cost - cost, realised: before.realised + proceeds - cost };
}

/** By asset, of the markets in one quote asset; fills in any order. */
export function positions(fills: readonly Fill[], quote: string | null): ReadonlyMap<string, Position> {
  const found = new Map<string, Position>();
  for (const fill of fills.toSorted(byTime)) {
    const [base = "", counted = ""] = fill.symbol.split("_");
    if (counted !== quote) continue;
    const before = found.get(base) ?? NOTHING;
    found.set(base, fill.side === "Bid" ? bought(before, fill, base) : sold(before, fill, base));
  }
  return found;
}
