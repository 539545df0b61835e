/** What the depth ladder shows: levels merged into steps of a price, with running totals. Pure. */
import { ceilTo, floorTo, ratio } from "../decimal/decimal";
import type { BookReplica, BookSide } from "../model/bookReplica";

export interface LadderRow {
  price: bigint;
  quantity: bigint;
  /** Sum of this and all better rows. */
  total: bigint;
  /** Length of the bar: total as a share of the longest total on the screen. */
  share: number;
}

export interface LadderView {
  bids: LadderRow[];
  asks: LadderRow[];
  /** Of the true best prices, whatever the grouping. */
  spread: bigint | null;
  spreadPercent: bigint | null;
}

const HUNDRED = 100n;
const ONE = 10n ** 18n;

/** How many single levels may have to be read to fill the rows of one side. */
const MAX_LEVELS = 5_000;

function rows(side: BookSide, isBid: boolean, count: number, group: bigint): LadderRow[] {
  const grouped: LadderRow[] = [];
  let total = 0n;
  for (const level of side.top(group > 1n ? MAX_LEVELS : count)) {
    const price = isBid ? floorTo(level.price, group) : ceilTo(level.price, group);
    const last = grouped.at(-1);
    if (last?.price !== price && grouped.length === count) break;
    total += level.quantity;
    if (last?.price === price) {
      last.quantity += level.quantity;
      last.total = total;
    } else {
      grouped.push({ price, quantity: level.quantity, total, share: 0 });
    }
  }
  return grouped;
}

/** `group` is a multiple of the tick, or the tick itself for single levels. */
export function ladder(book: BookReplica, count: number, group: bigint, tick: bigint): LadderView {
  const merge = group === tick ? 1n : group;
  const bids = rows(book.bids, true, count, merge);
  const asks = rows(book.asks, false, count, merge);
  const longest = [bids, asks].map((side) => side.at(-1)?.total ?? 0n).reduce((a, b) => (a > b ? a : b));
  for (const row of [...bids, ...asks]) row.share = ratio(row.total, longest);
  const bid = book.bids.best;
  const ask = book.asks.best;
  if (bid === null || ask === null) return { bids, asks, spread: null, spreadPercent: null };
  return { bids, asks, spread: ask - bid, spreadPercent: ((ask - bid) * HUNDRED * ONE) / ask };
}

/** Steps of price that the reader can choose, as multiples of the tick. */
export const GROUPS: readonly bigint[] = [1n, 10n, 100n, 1000n];
