/** An order as it is being written: texts until it is checked. Pure. */
import type { SelfTrade, Side } from "../api/types";
import type { Market } from "../model/market/markets";

export type Kind = "limit" | "market" | "stop" | "takeProfit" | "iceberg";
export type Handling = "GTC" | "PostOnly" | "IOC" | "FOK";

export interface Draft {
  side: Side;
  kind: Kind;
  /** What a trigger places: the other kinds say it themselves. */
  places: "limit" | "market";
  handling: Handling;
  price: string;
  /** Of the other side, kept while this one is written: a price to sell at is none to buy at. */
  otherPrice: string;
  /** The sides whose price is a person's, and not the book's first one. */
  written: ReadonlySet<Side>;
  /** The side was changed, and nothing since. */
  isSwitched: boolean;
  trigger: string;
  quantity: string;
  /** As long as it is being typed, or cannot be had; empty: it follows from price and amount. */
  total: string;
  /** A market order can be sized by what it spends or obtains instead. */
  quoteQuantity: string;
  sizedBy: "base" | "quote";
  /** What an iceberg shows. */
  display: string;
  /** Percent that a market order may pay beyond the best price; empty: what the market allows. */
  slippage: string;
  selfTrade: SelfTrade;
}

export const EMPTY: Draft = {
  side: "Bid",
  kind: "limit",
  places: "limit",
  handling: "GTC",
  price: "",
  otherPrice: "",
  written: new Set(),
  isSwitched: false,
  trigger: "",
  quantity: "",
  total: "",
  quoteQuantity: "",
  sizedBy: "base",
  display: "",
  slippage: "",
  selfTrade: "RejectTaker",
};

export interface Surroundings {
  market: Market;
  bestBid: bigint | null;
  bestAsk: bigint | null;
  last: bigint | null;
  /** Null while the account's balances are not known: then the exchange decides. */
  availableBase: bigint | null;
  availableQuote: bigint | null;
  /** With what is held for orders. */
  totalBase: bigint | null;
  totalQuote: bigint | null;
}

export function hasTrigger({ kind }: Draft): boolean {
  return kind === "stop" || kind === "takeProfit";
}

/** Whether it has a price of its own. */
export function isLimit(draft: Draft): boolean {
  return hasTrigger(draft) ? draft.places === "limit" : draft.kind !== "market";
}

export function isByQuote(draft: Draft): boolean {
  return !isLimit(draft) && draft.sizedBy === "quote";
}

/** Whether what does not trade at once is not to rest. */
export function isAtOnce({ kind, handling }: Draft): boolean {
  return kind === "market" || (kind === "limit" && (handling === "IOC" || handling === "FOK"));
}

/** Whether it is all or nothing. */
export function isWhole({ kind, handling }: Draft): boolean {
  return kind === "limit" && handling === "FOK";
}

/** An iceberg rests, so what must trade at once is not for it. */
export function handlingsOf(kind: Kind): readonly Handling[] {
  return kind === "iceberg" ? ["GTC", "PostOnly"] : ["GTC", "PostOnly", "IOC", "FOK"];
}

export function withKind(draft: Draft, kind: Kind): Draft {
  const handling = handlingsOf(kind).includes(draft.handling) ? draft.handling : "GTC";
  return { ...draft, kind, handling, sizedBy: "base" };
}

export function withSide(draft: Draft, side: Side): Draft {
  return side === draft.side ? draft : { ...draft, side, price: draft.otherPrice, otherPrice: draft.price, isSwitched: true };
}

/** With what a person wrote or took from the book. */
export function withWritten(draft: Draft, change: Partial<Draft>): Draft {
  const written = change.price === undefined ? draft.written : new Set([...draft.written, draft.side]);
  return { ...draft, ...change, written, isSwitched: false };
}

export const opposite = ({ side }: Draft, { bestBid, bestAsk }: Surroundings): bigint | null => (side === "Bid" ? bestAsk : bestBid);
