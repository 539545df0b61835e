/** An order that is about to be sent, in one line. Pure. */
import { exactly, fixed, trimmed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { Values } from "./checks";
import type { Draft } from "./draft";
import { sideWord } from "./words";

export function summary(draft: Draft, { price, trigger, quantity, quoteQuantity }: Values, market: Market): string {
  const size =
    quoteQuantity === null
      ? `${trimmed(quantity ?? 0n, 0, market.quantityDecimals)} ${market.base}`
      : `${market.base} for ${exactly(quoteQuantity, 0)} ${market.quote}`;
  const at = price === null ? "at the market price" : `at ${fixed(price, market.priceDecimals)} ${market.quote}`;
  const once = trigger === null ? "" : ` once the price is ${fixed(trigger, market.priceDecimals)}`;
  return `${sideWord(draft.side)} ${size} ${at}${once}?`;
}
