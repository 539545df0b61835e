/** What should be known of an order at a limit before it is sent, though nothing is wrong with it. Pure. */
import { fixed } from "../decimal/format";
import type { Values } from "./checks";
import { hasTrigger, isLimit, opposite, type Draft, type Surroundings } from "./draft";
import { sideWord } from "./words";

/** That a price which may rest would not: whoever buys at the best ask, or above it, pays the asks. */
export function crossing(draft: Draft, { price }: Values, around: Surroundings): string | null {
  const best = opposite(draft, around);
  if (!isLimit(draft) || hasTrigger(draft) || draft.handling !== "GTC" || price === null || best === null) return null;
  if (draft.side === "Bid" ? price < best : price > best) return null;
  return `Trades at once: the best ${draft.side === "Bid" ? "ask" : "bid"} is ${fixed(best, around.market.priceDecimals)}`;
}

/** That another price stands there than was written, until the form is changed again. */
export function keptPrice({ side, isSwitched, price, otherPrice, written }: Draft): string | null {
  const other = side === "Bid" ? "Ask" : "Bid";
  if (!isSwitched || !written.has(other) || price === otherPrice) return null;
  const [here, there] = [side, other].map((each) => sideWord(each as Draft["side"]).toLowerCase());
  return `Your price to ${there}, ${otherPrice}, is kept. This is ${written.has(side) ? "yours" : "the best one"} to ${here}.`;
}
