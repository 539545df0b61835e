/** The total that a limit order comes to, as a field: while it is typed, the amount follows from it. Pure. */
import { divide, floorTo, multiply } from "../decimal/decimal";
import { exactly } from "../decimal/format";
import { readTyped, toTyped, tryTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";
import { isLimit, type Draft } from "./draft";

/** With another total: the amount is the most that it pays for, or empty if there is none. */
export function withTotal(draft: Draft, total: string, market: Market): Draft {
  const [value, price] = [tryTyped(total), tryTyped(draft.price)];
  const quantity = value === null || price === null || price <= 0n ? 0n : floorTo(divide(value, price), market.step);
  return { ...draft, total, quantity: quantity >= market.minQuantity && quantity > 0n ? toTyped(quantity) : "" };
}

/** What a change of other fields means for the total: another amount ends it, another price is for it. */
export function settled(before: Draft, after: Draft, market: Market): Draft {
  if (after.total === "" || after.total !== before.total) return after;
  if (after.quantity !== before.quantity || !isLimit(after)) return { ...after, total: "" };
  return after.price === before.price ? after : withTotal(after, after.total, market);
}

/** Whoever leaves the field sees what it came to; a total that cannot be had stays, with the reason. */
export function withTotalLeft(draft: Draft): Draft {
  return draft.quantity === "" ? draft : { ...draft, total: "" };
}

/** Why there is no amount for it. */
export function checkTotal(draft: Draft, market: Market): string | null {
  if (draft.total.trim() === "" || draft.quantity !== "") return null;
  const { value, problem } = readTyped(draft.total, "The total");
  if (problem !== undefined) return problem;
  const price = tryTyped(draft.price);
  if (price === null || price <= 0n) return "Enter a price: the amount follows from it";
  const least = exactly(multiply(market.minQuantity, price), 0);
  return `${exactly(value, 0)} ${market.quote} buys less than the smallest amount, ${exactly(market.minQuantity, 0)} ${market.base}: that is ${least} ${market.quote}`;
}
