/** What lies between the best price and one row of the book, in words. Pure. */
import { divide } from "../decimal/decimal";
import { compact, fixed, trimmed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { LadderRow } from "./ladder";

export function cumulative({ total, totalQuote }: LadderRow, market: Market, own: bigint): string {
  const average = fixed(divide(totalQuote, total), market.priceDecimals);
  const mine = own > 0n ? ` · yours ${trimmed(own, 0, market.quantityDecimals)}` : "";
  return `${trimmed(total, 0, market.quantityDecimals)} ${market.base} · ${compact(totalQuote)} ${market.quote} · average ${average}${mine}`;
}
