/** The state of the order form: the draft, what is wrong with it, and sending it. */
import { useState } from "react";
import type { Side } from "../api/types";
import { floorTo, multiply } from "../decimal/decimal";
import { toTyped, tryTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";
import type { Venue } from "../model/venue";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { crossing, keptPrice } from "./cautions";
import { check, FIELDS, read, type Checked, type Field, type Values } from "./checks";
import { EMPTY, isAtOnce, isByQuote, isLimit, opposite, withSide, withWritten, type Draft, type Surroundings } from "./draft";
import { risks } from "./risks";
import { share, shortfall, walk, worstPrice, type Walk } from "./sizing";
import { summary } from "./summary";
import { settled, withTotal, withTotalLeft } from "./total";

export interface Ticket {
  draft: Draft;
  around: Surroundings;
  checked: Checked;
  /** The first problem that is to be shown, and of which field. */
  wrong: [field: Field, problem: string] | null;
  /** What should be known of it before it is sent; nothing while something is wrong, which comes first. */
  caution: string | null;
  /** What it would trade at once, of an order that does not rest. */
  walked: Walk | null;
  isBusy: boolean;
  set: (change: Partial<Draft>) => void;
  become: (change: (draft: Draft) => Draft) => void;
  /** The field was left: what is wrong with it may be said. */
  left: (field: Field) => void;
  takeShare: (percent: bigint) => void;
  setTotal: (text: string) => void;
  send: (canTrade: boolean) => Promise<void>;
}

export function useTicket(market: Market): Ticket {
  const venue = useVenue();
  const [draft, setDraft] = useState(EMPTY);
  const [shown, setShown] = useState<ReadonlySet<Field>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const around = useSurroundings(venue, market);
  const become = (change: (draft: Draft) => Draft): void => setDraft((before) => settled(before, change(before), market));
  const set = (change: Partial<Draft>): void => become((before) => withWritten(before, change));
  usePicked(venue, become);
  useFirstPrices(around, draft, become);

  const values = read(draft, market);
  const worst = values.price ?? worstPrice(draft.side, opposite(draft, around), tryTyped(draft.slippage), market);
  const walked = walkOf(draft, values, venue, worst);
  const checked = check(draft, around, walked);
  const field = FIELDS.find((each) => shown.has(each) && checked.problems[each] !== undefined);

  const send = async (canTrade: boolean): Promise<void> => {
    setShown(new Set(FIELDS));
    const { order, values: meant } = checked;
    if (!order || isBusy || !canTrade) return;
    const reasons = risks(draft, meant, around, walked);
    const question = { title: summary(draft, meant, market), lines: reasons.map(({ words }) => words), action: draft.side === "Bid" ? "Buy" : "Sell" };
    if (reasons.length > 0 && !(await venue.questions.ask({ ...question, of: reasons.map(({ confirmation }) => confirmation) }))) return;
    // The amount leaves the form with the order, and comes back if it is refused: what is typed meanwhile is the next one's.
    const { quantity, quoteQuantity } = draft;
    setShown(new Set());
    set({ quantity: "", quoteQuantity: "" });
    setBusy(true);
    const isTaken = await venue.trading.place(order, market);
    setBusy(false);
    if (isTaken) return;
    setDraft((now) => (now.quantity === "" && now.quoteQuantity === "" ? { ...now, quantity, quoteQuantity } : now));
  };

  return {
    draft,
    around,
    checked,
    wrong: field === undefined ? null : [field, checked.problems[field] ?? ""],
    caution: field === undefined ? (shortfall(draft, walked, worst, market) ?? crossing(draft, values, around) ?? keptPrice(draft)) : null,
    walked,
    isBusy,
    set,
    become,
    left: (of) => {
      setShown((before) => new Set([...before, of]));
      if (of === "total") become(withTotalLeft);
    },
    takeShare: (percent) => set(shareOf(draft, checked, around, percent)),
    setTotal: (text) => become((before) => withTotal(before, text, market)),
    send,
  };
}

function useSurroundings(venue: Venue, market: Market): Surroundings {
  const balances = useStore(venue.account.balances);
  const isCurrent = useStore(venue.account.isCurrent);
  const touch = useStore(venue.book.touch);
  const last = useStore(venue.tickers).get(market.symbol)?.last ?? null;
  const isKnown = isCurrent || balances.size > 0; // of an account that has nothing, there are no balances
  const available = (asset: string): bigint | null => (isKnown ? (balances.get(asset)?.available ?? 0n) : null);
  const total = (asset: string): bigint | null => (isKnown ? (available(asset) ?? 0n) + (balances.get(asset)?.locked ?? 0n) : null);
  const { base, quote } = market;
  return {
    market,
    bestBid: touch.bid,
    bestAsk: touch.ask,
    last,
    availableBase: available(base),
    availableQuote: available(quote),
    totalBase: total(base),
    totalQuote: total(quote),
  };
}

/** A price taken from the book, for the side that it was taken from. */
function usePicked(venue: Venue, become: (change: (draft: Draft) => Draft) => void): void {
  const picked = useStore(venue.picked);
  const [taken, setTaken] = useState(picked);
  if (picked === taken) return;
  setTaken(picked);
  if (picked === null) return;
  become((before) => {
    if (picked.price === null) return withSide(before, picked.side);
    const draft = withSide(before.kind === "market" ? { ...before, kind: "limit" } : before, picked.side);
    return withWritten(draft, { [isLimit(draft) ? "price" : "trigger"]: toTyped(picked.price) });
  });
}

/**
 * The first price of each side is its own best one, so that no order crosses unasked; set once, when the book arrives: a
 * price that moved while the user types would be a trap. Nor is it set between clearing the field and typing.
 */
function useFirstPrices({ bestBid, bestAsk }: Surroundings, draft: Draft, become: (change: (draft: Draft) => Draft) => void): void {
  const [started, setStarted] = useState<ReadonlySet<Side>>(new Set());
  const start = (side: Side, best: bigint | null): void => {
    const name = side === draft.side ? "price" : "otherPrice";
    if (started.has(side) || (best === null && draft[name] === "")) return;
    setStarted((before) => new Set([...before, side]));
    if (best !== null && draft[name] === "") become((before) => ({ ...before, [name]: toTyped(best) }));
  };
  start("Bid", bestBid);
  start("Ask", bestAsk);
}

function walkOf(draft: Draft, values: Values, venue: Venue, worst: bigint | null): Walk | null {
  if (!isAtOnce(draft) || !venue.book.live || (isLimit(draft) && values.price === null)) return null;
  const size = isByQuote(draft) ? values.quoteQuantity : values.quantity;
  if (size === null) return null;
  const walked = walk(venue.book.live, draft.side, isByQuote(draft) ? { quote: size } : { base: size }, worst);
  return walked.base > 0n || isLimit(draft) ? walked : null;
}

function shareOf(draft: Draft, { values }: Checked, around: Surroundings, percent: bigint): Partial<Draft> {
  const { market, availableBase: base, availableQuote: quote } = around;
  if (base === null || quote === null) return {};
  if (isByQuote(draft) && draft.side === "Bid") return { quoteQuantity: toTyped(floorTo((quote * percent) / 100n, market.tick)) };
  const price = values.price ?? values.trigger ?? opposite(draft, around);
  const quantity = share(draft.side, percent, price, market, base, quote);
  return { quantity: quantity > 0n ? toTyped(quantity) : "", sizedBy: "base" };
}

export function totalOf({ price, quantity }: Checked["values"]): bigint | null {
  return price === null || quantity === null ? null : multiply(price, quantity);
}
