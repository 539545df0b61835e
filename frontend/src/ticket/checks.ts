/**
 * What would be wrong with an order, in words, before it is sent. The exchange decides in the end; this only spares a
 * round trip and says it kindly. Pure.
 */
import type { NewOrder } from "../api/types";
import { ceilTo, divide, floorTo, multiply, toText } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import { readTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";
import { hasTrigger, isByQuote, isLimit, opposite, type Draft, type Surroundings } from "./draft";
import { checkPrice, checkQuantity, shortOf, type CheckedField } from "./fieldChecks";
import type { Walk } from "./sizing";
import { checkTotal } from "./total";

export const FIELDS = ["trigger", "price", "total", "quantity", "quoteQuantity", "display", "slippage", "form"] as const;
export type Field = (typeof FIELDS)[number];
type Problems = Partial<Record<Field, string>>;

/** What the fields say, as far as they can be read. */
export interface Values {
  price: bigint | null;
  trigger: bigint | null;
  quantity: bigint | null;
  quoteQuantity: bigint | null;
}

export interface Checked {
  problems: Problems;
  values: Values;
  /** Null while there are problems. */
  order: Omit<NewOrder, "clientId"> | null;
}

type Note = (field: Field, problem: string | null) => void;

/** What can be read of the fields that this kind of order has, and what is wrong with them. */
export function read(draft: Draft, market: Market, note: Note = () => {}): Values {
  const noted = (field: Field, [value, problem]: CheckedField): bigint | null => {
    note(field, problem);
    return value;
  };
  return {
    trigger: hasTrigger(draft) ? noted("trigger", checkPrice(draft.trigger, market, "The trigger price")) : null,
    price: isLimit(draft) ? noted("price", checkPrice(draft.price, market)) : null,
    quantity: isByQuote(draft) ? null : noted("quantity", checkQuantity(draft.quantity, market)),
    quoteQuantity: isByQuote(draft) ? noted("quoteQuantity", checkAmount(draft.quoteQuantity)) : null,
  };
}

/** `walked`: what it would trade now, of an order that does not rest; null if that is not known. */
export function check(draft: Draft, around: Surroundings, walked: Walk | null = null): Checked {
  const problems: Problems = {};
  const note: Note = (field, problem) => {
    if (problem !== null) problems[field] ??= problem;
  };
  const values = read(draft, around.market, note);
  if (isLimit(draft)) note("total", checkTotal(draft, around.market));
  checkState(draft, around, note);
  checkTrigger(draft, values, around, note);
  checkFunds(draft, values, around, walked, note);
  checkHandling(draft, values, around, note);
  if (draft.kind === "iceberg") checkDisplay(draft, values, around, note);
  if (!isLimit(draft)) note("slippage", checkSlippage(draft.slippage));
  return { problems, values, order: Object.keys(problems).length > 0 ? null : toOrder(draft, values, around) };
}

function checkAmount(text: string): CheckedField {
  if (text.trim() === "") return [null, "Enter an amount"];
  const { value, problem } = readTyped(text, "The amount");
  if (problem !== undefined) return [null, problem];
  return value > 0n ? [value, null] : [null, "The amount must be above zero"];
}

function checkState(draft: Draft, around: Surroundings, note: Note): void {
  const { state } = around.market;
  if (state === "CancelOnly" || state === "Closed") note("form", "This market takes no new orders now");
  if (isLimit(draft)) return;
  if (state !== "Open") note("form", "This market takes no market orders now");
  else if (!hasTrigger(draft) && opposite(draft, around) === null) {
    note("form", `Nobody ${draft.side === "Bid" ? "sells" : "buys"} right now: place a limit order instead`);
  }
}

/** The exchange fires a trigger when the last price gets there from where it is now: which side that is names the kind. */
function checkTrigger(draft: Draft, { trigger }: Values, { last, market }: Surroundings, note: Note): void {
  if (trigger === null || last === null) return;
  const isAbove = (draft.kind === "stop") === (draft.side === "Bid");
  if (isAbove ? trigger > last : trigger < last) return;
  const [name, other] = draft.kind === "stop" ? ["Stop", "Take-profit"] : ["Take-profit", "Stop"];
  const deed = draft.side === "Bid" ? "buy" : "sell";
  note("trigger", `${name} to ${deed} triggers ${isAbove ? "above" : "below"} the last price, ${fixed(last, market.priceDecimals)}; ${other} on its other side`);
}

/**
 * What it takes from the balance: a market order what its trades would take, as far as the book is known, else at the
 * best price there is; an order at a limit what it may cost; null if that cannot be said.
 */
export function spends(draft: Draft, { price, trigger, quantity, quoteQuantity }: Values, around: Surroundings, atOnce: Walk | null): bigint | null {
  const walked = isLimit(draft) ? null : atOnce;
  const reference = price ?? trigger ?? opposite(draft, around);
  if (draft.side === "Bid") return quoteQuantity ?? walked?.quote ?? (quantity !== null && reference !== null ? multiply(quantity, reference) : null);
  return quantity ?? walked?.base ?? (quoteQuantity !== null && reference !== null ? floorTo(divide(quoteQuantity, reference), around.market.step) : null);
}

function checkFunds(draft: Draft, values: Values, around: Surroundings, walked: Walk | null, note: Note): void {
  const { market } = around;
  const field = isByQuote(draft) ? "quoteQuantity" : "quantity";
  const needed = spends(draft, values, around, walked);
  if (needed !== null) {
    const [asset, available] = draft.side === "Bid" ? [market.quote, around.availableQuote] : [market.base, around.availableBase];
    note(field, shortOf(asset, needed, available));
  }
  const reference = values.trigger ?? opposite(draft, around);
  if (values.quoteQuantity === null || reference === null) return;
  if (divide(values.quoteQuantity, reference) >= market.minQuantity) return;
  note(field, `The smallest order is about ${trimmed(multiply(market.minQuantity, reference), 0, 8)} ${market.quote}`);
}

function checkHandling(draft: Draft, { price }: Values, around: Surroundings, note: Note): void {
  const best = opposite(draft, around);
  if (draft.handling !== "PostOnly" || hasTrigger(draft) || price === null || best === null) return;
  if (draft.side === "Bid" ? price < best : price > best) return;
  note("price", `Post-only would trade at once: the best ${draft.side === "Bid" ? "ask" : "bid"} is ${fixed(best, around.market.priceDecimals)}`);
}

/** Of the exchange: an iceberg may come back to the book so many times. */
const MOST_PARTS = 2_000n;

function checkDisplay(draft: Draft, { quantity }: Values, { market }: Surroundings, note: Note): void {
  const [shown, problem] = checkQuantity(draft.display, market);
  if (shown === null) return note("display", problem.replace("an amount", "the part that the book shows").replace("The amount", "The part shown"));
  if (quantity === null) return;
  if (shown > quantity) note("display", "The part shown is larger than the order");
  const least = ceilTo((quantity + MOST_PARTS - 1n) / MOST_PARTS, market.step);
  if (shown < least) note("display", `The part shown must be at least ${toText(least)} ${market.base}`);
}

function checkSlippage(text: string): string | null {
  if (text.trim() === "") return null;
  const { value, problem } = readTyped(text, "The tolerance");
  if (problem !== undefined) return problem;
  if (value % TOLERANCE_STEP !== 0n) return "The tolerance has four decimals at most";
  return value > HUNDRED ? "The tolerance is 100 % at most" : null;
}

const TOLERANCE_STEP = 10n ** 14n;
const HUNDRED = 100n * 10n ** 18n;

function toOrder(draft: Draft, values: Values, { market }: Surroundings): Omit<NewOrder, "clientId"> {
  const text = (name: keyof NewOrder, value: bigint | null): object => (value === null ? {} : { [name]: toText(value) });
  const isLimited = isLimit(draft);
  const slippage = isLimited || draft.slippage.trim() === "" ? null : (readTyped(draft.slippage, "").value ?? null);
  const display = draft.kind === "iceberg" ? (readTyped(draft.display, "").value ?? null) : null;
  return {
    symbol: market.symbol,
    side: draft.side,
    orderType: isLimited ? "Limit" : "Market",
    ...text("price", values.price),
    ...text("triggerPrice", values.trigger),
    ...text(values.trigger === null ? "quantity" : "triggerQuantity", values.quantity),
    ...text("quoteQuantity", values.quoteQuantity),
    ...text("displayQuantity", display),
    ...(slippage === null ? {} : { slippageTolerance: toText(slippage), slippageToleranceType: "Percent" as const }),
    ...(isLimited ? (draft.handling === "PostOnly" ? { postOnly: true } : { timeInForce: draft.handling }) : {}),
    ...(draft.selfTrade === "RejectTaker" ? {} : { selfTradePrevention: draft.selfTrade }),
  };
}
