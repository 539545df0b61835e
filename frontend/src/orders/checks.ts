/**
 * What would be wrong with an order, in words, before it is sent. The exchange decides in the end; this only spares a
 * round trip and says it kindly. Pure.
 */
import type { NewOrder, Side } from "../api/types";
import { divide, floorTo, multiply, toText } from "../decimal/decimal";
import { trimmed } from "../decimal/format";
import { readTyped } from "../decimal/typed";
import type { Market } from "../model/markets";

export type Kind = "limit" | "market";
export type Handling = "GTC" | "PostOnly" | "IOC" | "FOK";

export interface Draft {
  side: Side;
  kind: Kind;
  handling: Handling;
  price: string;
  quantity: string;
  /** A market order can be sized by what it spends or obtains instead. */
  quoteQuantity: string;
  sizedBy: "base" | "quote";
}

export interface Surroundings {
  market: Market;
  bestBid: bigint | null;
  bestAsk: bigint | null;
  /** Null while the account's balances are not known: then the exchange decides. */
  availableBase: bigint | null;
  availableQuote: bigint | null;
}

export type Field = "price" | "quantity" | "quoteQuantity" | "form";
export type Problems = Partial<Record<Field, string>>;

export interface Checked {
  problems: Problems;
  /** Null while there are problems. */
  order: Omit<NewOrder, "clientId"> | null;
}

function checkPrice(text: string, market: Market): [bigint | null, string | null] {
  if (text.trim() === "") return [null, "Enter a price"];
  const { value: price, problem } = readTyped(text, "The price");
  if (problem !== undefined) return [null, problem];
  if (price <= 0n) return [null, "The price must be above zero"];
  if (price % market.tick !== 0n) {
    const below = floorTo(price, market.tick);
    const near = below > 0n ? `${toText(below)} or ${toText(below + market.tick)}` : toText(market.tick);
    return [null, `The price moves in steps of ${toText(market.tick)}: try ${near}`];
  }
  if (price < market.minPrice) return [null, `The lowest price is ${toText(market.minPrice)}`];
  if (market.maxPrice !== null && price > market.maxPrice) return [null, `The highest price is ${toText(market.maxPrice)}`];
  return [price, null];
}

function checkQuantity(text: string, market: Market): [bigint | null, string | null] {
  if (text.trim() === "") return [null, "Enter an amount"];
  const { value: quantity, problem } = readTyped(text, "The amount");
  if (problem !== undefined) return [null, problem];
  if (quantity <= 0n) return [null, "The amount must be above zero"];
  if (quantity < market.minQuantity) return [null, `The smallest order is ${toText(market.minQuantity)} ${market.base}`];
  if (quantity % market.step !== 0n) {
    return [null, `The amount moves in steps of ${toText(market.step)}: try ${toText(floorTo(quantity, market.step))}`];
  }
  if (market.maxQuantity !== null && quantity > market.maxQuantity) {
    return [null, `The largest order is ${toText(market.maxQuantity)} ${market.base}`];
  }
  return [quantity, null];
}

function shortBy(asset: string, needed: bigint, available: bigint): string {
  return `Not enough ${asset}: this needs ${trimmed(needed, 0, 8)}, you have ${trimmed(available, 0, 8)}`;
}

/** What is wrong if the balance does not suffice; a balance that is not known does. */
function shortOf(asset: string, needed: bigint, available: bigint | null): string | null {
  return available === null || needed <= available ? null : shortBy(asset, needed, available);
}

function wouldTake(side: Side, price: bigint, { bestBid, bestAsk }: Surroundings): boolean {
  return side === "Bid" ? bestAsk !== null && price >= bestAsk : bestBid !== null && price <= bestBid;
}

function checkLimit(draft: Draft, around: Surroundings): Checked {
  const { market } = around;
  const problems: Problems = {};
  const [price, badPrice] = checkPrice(draft.price, market);
  const [quantity, badQuantity] = checkQuantity(draft.quantity, market);
  if (badPrice) problems.price = badPrice;
  if (badQuantity) problems.quantity = badQuantity;
  if (market.state === "CancelOnly" || market.state === "Closed") problems.form = "This market takes no new orders now";
  if (price === null || quantity === null) return { problems, order: null };
  const cost = multiply(price, quantity);
  const isBid = draft.side === "Bid";
  const short = isBid ? shortOf(market.quote, cost, around.availableQuote) : shortOf(market.base, quantity, around.availableBase);
  if (short) problems.quantity = short;
  if (draft.handling === "PostOnly" && wouldTake(draft.side, price, around)) {
    const best = draft.side === "Bid" ? around.bestAsk : around.bestBid;
    problems.price = `Post-only would trade at once: the best ${draft.side === "Bid" ? "ask" : "bid"} is ${toText(best ?? 0n)}`;
  }
  if (Object.keys(problems).length > 0) return { problems, order: null };
  const { side, handling } = draft;
  const flags = handling === "PostOnly" ? { postOnly: true } : { timeInForce: handling };
  return {
    problems,
    order: { symbol: market.symbol, side, orderType: "Limit", price: toText(price), quantity: toText(quantity), ...flags },
  };
}

function checkMarket(draft: Draft, around: Surroundings): Checked {
  const { market } = around;
  const problems: Problems = {};
  const opposite = draft.side === "Bid" ? around.bestAsk : around.bestBid;
  if (market.state !== "Open") problems.form = "This market takes no market orders now";
  else if (opposite === null) problems.form = `Nobody ${draft.side === "Bid" ? "sells" : "buys"} right now: place a limit order instead`;
  const common = { symbol: market.symbol, side: draft.side, orderType: "Market" as const };
  if (draft.sizedBy === "base") {
    const [quantity, bad] = checkQuantity(draft.quantity, market);
    const wrong = bad ?? (quantity === null ? null : shortForMarket(draft.side, quantity, opposite, around));
    if (wrong) problems.quantity = wrong;
    if (quantity === null || Object.keys(problems).length > 0) return { problems, order: null };
    return { problems, order: { ...common, quantity: toText(quantity) } };
  }
  return checkMarketByQuote(draft, around, opposite, problems, common);
}

function shortForMarket(side: Side, quantity: bigint, opposite: bigint | null, around: Surroundings): string | null {
  if (side === "Ask") return shortOf(around.market.base, quantity, around.availableBase);
  return opposite === null ? null : shortOf(around.market.quote, multiply(quantity, opposite), around.availableQuote);
}

function checkMarketByQuote(
  draft: Draft,
  { market, availableBase, availableQuote }: Surroundings,
  opposite: bigint | null,
  problems: Problems,
  common: { symbol: string; side: Side; orderType: "Market" },
): Checked {
  const { value: amount, problem } = readTyped(draft.quoteQuantity, "The amount");
  const short = draft.side === "Bid" && amount !== undefined ? shortOf(market.quote, amount, availableQuote) : null;
  if (draft.quoteQuantity.trim() === "") problems.quoteQuantity = "Enter an amount";
  else if (problem !== undefined) problems.quoteQuantity = problem;
  else if (amount <= 0n) problems.quoteQuantity = "The amount must be above zero";
  else if (short) problems.quoteQuantity = short;
  else if (opposite !== null) {
    const base = divide(amount, opposite);
    if (base < market.minQuantity) {
      const least = multiply(market.minQuantity, opposite);
      problems.quoteQuantity = `The smallest order is about ${trimmed(least, 0, 8)} ${market.quote}`;
    } else if (draft.side === "Ask" && availableBase !== null && floorTo(base, market.step) > availableBase) {
      problems.quoteQuantity = shortBy(market.base, base, availableBase);
    }
  }
  if (amount === undefined || Object.keys(problems).length > 0) return { problems, order: null };
  return { problems, order: { ...common, quoteQuantity: toText(amount) } };
}

export function check(draft: Draft, around: Surroundings): Checked {
  return draft.kind === "limit" ? checkLimit(draft, around) : checkMarket(draft, around);
}
