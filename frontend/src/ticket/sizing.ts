/** Amounts that a form works out: shares of a balance, and what a market order would cost. Pure. */
import type { Side } from "../api/types";
import { divide, floorTo, max, min, multiply } from "../decimal/decimal";
import { exactly, fixed, trimmed } from "../decimal/format";
import type { BookReplica } from "../model/depth/bookReplica";
import type { Market } from "../model/market/markets";
import { isWhole, type Draft } from "./draft";

/** The base quantity that `percent` of the balance pays for at `price`, in whole steps, within the market's limit. */
export function share(side: Side, percent: bigint, price: bigint | null, market: Market, base: bigint, quote: bigint): bigint {
  const balance = side === "Ask" ? base : price === null || price <= 0n ? 0n : divide(quote, price);
  const quantity = floorTo((balance * percent) / 100n, market.step);
  return market.maxQuantity === null ? quantity : min(quantity, market.maxQuantity);
}

export interface Walk {
  base: bigint;
  quote: bigint;
  /** False when the book that is known cannot fill it. */
  isFilled: boolean;
}

const MAX_LEVELS = 1000;

/**
 * What a market order would trade against the book as it stands: by base quantity or, with `quote`, by an amount; at no
 * price worse than `worst`.
 */
export function walk(book: BookReplica, side: Side, size: { base: bigint } | { quote: bigint }, worst: bigint | null = null): Walk {
  let base = 0n;
  let quote = 0n;
  for (const level of (side === "Bid" ? book.asks : book.bids).top(MAX_LEVELS)) {
    if (worst !== null && (side === "Bid" ? level.price > worst : level.price < worst)) break;
    const wanted = "base" in size ? size.base - base : divide(size.quote - quote, level.price);
    if (wanted <= 0n) break;
    const taken = min(wanted, level.quantity);
    base += taken;
    quote += multiply(taken, level.price);
    if (taken === wanted) return { base, quote, isFilled: true };
  }
  return { base, quote, isFilled: "base" in size ? base >= size.base && base > 0n : false };
}

/** The worst price that a market order takes: the market's limit from the best one, and the order's own. */
export function worstPrice(side: Side, best: bigint | null, slippagePercent: bigint | null, { maxImpact, minImpact }: Market): bigint | null {
  if (best === null) return null;
  const isBuy = side === "Bid";
  const ofMarket = isBuy ? maxImpact : minImpact;
  const span = slippagePercent === null ? null : multiply(best, slippagePercent) / 100n;
  const bounds = [ofMarket && multiply(best, ofMarket), span !== null && (isBuy ? best + span : best - span)].filter((bound) => typeof bound === "bigint");
  return bounds.length === 0 ? null : bounds.reduce(isBuy ? min : max);
}

/** What is said of an order that is larger than the part of the book that it can reach, and may not rest; null if it is not. */
export function shortfall(draft: Draft, walked: Walk | null, worst: bigint | null, market: Market): string | null {
  const { base, quote, priceDecimals, quantityDecimals } = market;
  const { side } = draft;
  if (walked === null || walked.isFilled) return null;
  const reach = worst === null ? "" : ` ${side === "Bid" ? "up" : "down"} to ${fixed(worst, priceDecimals)}`;
  const deed = `${side === "Bid" ? "for sale" : "wanted"}${reach}`;
  const killed = isWhole(draft) ? "all of it would be killed" : null;
  if (walked.base === 0n) return `Nothing is ${deed}: ${killed ?? "it would expire"}`;
  const there = `${trimmed(walked.base, 0, quantityDecimals)} ${base} are ${deed}, for ${exactly(walked.quote)} ${quote}`;
  return `Only ${there}: ${killed ?? "the rest would expire"}`;
}
