/** What about an order is so unusual that a person is asked before it is sent. Pure. */
import { divide } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import { percentOf } from "../decimal/percent";
import type { Confirmation } from "../model/confirmations";
import { spends, type Values } from "./checks";
import { hasTrigger, isLimit, opposite, type Draft, type Surroundings } from "./draft";
import type { Walk } from "./sizing";

interface Risk {
  confirmation: Confirmation;
  words: string;
}

const ONE = 10n ** 18n;
const PERCENT = ONE / 100n;
const THROUGH = 2n * PERCENT;
const SHARE = 25n * PERCENT;
const SLIPPAGE = PERCENT / 2n;

/** How far `price` lies beyond `reference`, for one who buys upwards; negative if on the good side. */
function beyond(draft: Draft, price: bigint, reference: bigint): bigint {
  const distance = divide(price - reference, reference);
  return draft.side === "Bid" ? distance : -distance;
}

const inPercent = (share: bigint): string => `${fixed(share * 100n, 1)} %`;

export function risks(draft: Draft, values: Values, around: Surroundings, walked: Walk | null): Risk[] {
  const found: Risk[] = [];
  const best = hasTrigger(draft) ? values.trigger : opposite(draft, around);
  if (isLimit(draft) && values.price !== null && best !== null && draft.handling !== "PostOnly") {
    const through = beyond(draft, values.price, best);
    const than = hasTrigger(draft) ? "its trigger" : `the best ${draft.side === "Bid" ? "ask" : "bid"}`;
    if (through > THROUGH) {
      found.push({ confirmation: "through", words: `The price is ${inPercent(through)} worse than ${than}, ${fixed(best, around.market.priceDecimals)}.` });
    }
  }
  const [balance, asset] = draft.side === "Bid" ? [around.totalQuote, around.market.quote] : [around.totalBase, around.market.base];
  const spent = spends(draft, values, around, walked);
  if (spent !== null && balance !== null && balance > 0n && divide(spent, balance) > SHARE) {
    found.push({ confirmation: "share", words: `It takes ${percentOf(spent, balance, 0)} % of your ${asset}, what is in orders included.` });
  }
  if (!isLimit(draft) && !hasTrigger(draft) && walked !== null && walked.base > 0n && best !== null) {
    if (!walked.isFilled) {
      const there = `${trimmed(walked.base, 0, around.market.quantityDecimals)} ${around.market.base}`;
      found.push({ confirmation: "slippage", words: `The book has only ${there} of it within its limits: the rest expires at once.` });
    }
    const slipped = beyond(draft, divide(walked.quote, walked.base), best);
    if (slipped > SLIPPAGE) {
      found.push({ confirmation: "slippage", words: `The average price is ${inPercent(slipped)} worse than the best one: the book is thin.` });
    }
  }
  return found;
}
