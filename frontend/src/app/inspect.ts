/** `exchange` on the console: what the page holds, read-only. People debug with it, and the browser tests compare with it. */
import { toText } from "../decimal/decimal";
import type { BookSide } from "../model/depth/bookReplica";
import type { Venue } from "../model/venue";
import { frames } from "../reactive/frames";

interface Inspection {
  book: () => {
    symbol: string | null;
    state: string;
    updateId: number;
    resynchronised: number;
    bids: [string, string][];
    asks: [string, string][];
  };
  counters: () => { frames: number; messages: number };
}

declare global {
  interface Window {
    exchange: Inspection;
  }
}

const levels = (side: BookSide): [string, string][] =>
  side.top(Number.MAX_SAFE_INTEGER).map(({ price, quantity }) => [toText(price), toText(quantity)]);

export function inspect(venue: Venue): void {
  window.exchange = {
    book: () => {
      const { symbol, sync } = venue.book;
      const { state, book, resynchronised } = sync;
      return { symbol, state, updateId: book.updateId, resynchronised, bids: levels(book.bids), asks: levels(book.asks) };
    },
    counters: () => ({ frames: frames.painted, messages: venue.feed.received.frames }),
  };
}
