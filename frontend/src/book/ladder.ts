/** What the depth ladder shows: levels merged into steps of a price, with running totals. Pure. */
import { ceilTo, floorTo, multiply, ratio } from "../decimal/decimal";
import type { BookReplica, BookSide } from "../model/depth/bookReplica";

export interface LadderRow {
  price: bigint;
  quantity: bigint;
  /** What the quantity is worth, each level at its own price. */
  quote: bigint;
  /** Sums of this and all better rows. */
  total: bigint;
  totalQuote: bigint;
  /** Length of the bar: total as a share of the longest total on the screen. */
  share: number;
}

export interface LadderView {
  bids: LadderRow[];
  asks: LadderRow[];
  /** Of the true best prices, whatever the grouping. */
  spread: bigint | null;
  spreadPercent: bigint | null;
  /** The bids' part of all that is shown, 0 to 1; null while nothing is. */
  imbalance: number | null;
}

export const EMPTY_VIEW: LadderView = { bids: [], asks: [], spread: null, spreadPercent: null, imbalance: null };

const HUNDRED = 100n;
const ONE = 10n ** 18n;

/** How many single levels may have to be read to fill the rows of one side. */
const MAX_LEVELS = 5_000;

function rows(side: BookSide, isBid: boolean, count: number, group: bigint): LadderRow[] {
  const grouped: LadderRow[] = [];
  let [total, totalQuote] = [0n, 0n];
  for (const level of side.top(group > 1n ? MAX_LEVELS : count)) {
    const price = isBid ? floorTo(level.price, group) : ceilTo(level.price, group);
    const last = grouped.at(-1);
    if (last?.price !== price && grouped.length === count) break;
    const quote = multiply(level.price, level.quantity);
    total += level.quantity;
    totalQuote += quote;
    if (last?.price === price) {
      last.quantity += level.quantity;
      last.quote += quote;
      last.total = total;
      last.totalQuote = totalQuote;
    } else {
      grouped.push({ price, quantity: level.quantity, quote, total, totalQuote, share: 0 });
    }
  }
  return grouped;
}

/** `group` is a multiple of the tick, or the tick itself for single levels; `counts` are the rows that each side has. */
export function ladder(book: BookReplica, counts: { bids: number; asks: number }, group: bigint, tick: bigint): LadderView {
  const merge = group === tick ? 1n : group;
  const bids = rows(book.bids, true, counts.bids, merge);
  const asks = rows(book.asks, false, counts.asks, merge);
  const [ofBids, ofAsks] = [bids, asks].map((side) => side.at(-1)?.total ?? 0n) as [bigint, bigint];
  for (const row of [...bids, ...asks]) row.share = ratio(row.total, ofBids > ofAsks ? ofBids : ofAsks);
  const imbalance = ofBids + ofAsks === 0n ? null : ratio(ofBids, ofBids + ofAsks);
  const bid = book.bids.best;
  const ask = book.asks.best;
  if (bid === null || ask === null) return { bids, asks, spread: null, spreadPercent: null, imbalance };
  return { bids, asks, spread: ask - bid, spreadPercent: ((ask - bid) * HUNDRED * ONE) / ask, imbalance };
}

/** Steps of price that the reader can choose, as multiples of the tick. */
export const GROUPS: readonly bigint[] = [1n, 10n, 100n, 1000n];
