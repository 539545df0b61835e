/** The book as two curves of running totals, as far to one side as to the other. Pure; shares of the drawing, 0 to 1. */
import { min, ratio } from "../decimal/decimal";
import type { BookReplica, Level } from "../model/depth/bookReplica";

export interface DepthPoint {
  /** Left to right over the whole span of prices. */
  x: number;
  /** Bottom to top: the total as a share of the larger one. */
  y: number;
  price: bigint;
  total: bigint;
}

export interface DepthCurve {
  /** Best first, both. */
  bids: DepthPoint[];
  asks: DepthPoint[];
  lowest: bigint;
  highest: bigint;
  most: bigint;
}

const MOST_LEVELS = 500;

export function depthCurve(book: BookReplica): DepthCurve | null {
  const [bids, asks] = [book.bids.top(MOST_LEVELS), book.asks.top(MOST_LEVELS)];
  const [bestBid, bestAsk] = [bids[0]?.price, asks[0]?.price];
  if (bestBid === undefined || bestAsk === undefined) return null;
  const middle = (bestBid + bestAsk) / 2n;
  const span = min(middle - (bids.at(-1) as Level).price, (asks.at(-1) as Level).price - middle);
  const [lowest, highest] = [middle - span, middle + span];
  const totals = [bids.filter(({ price }) => price >= lowest), asks.filter(({ price }) => price <= highest)].map(running);
  const most = totals.map((side) => side.at(-1)?.total ?? 0n).reduce((a, b) => (a > b ? a : b));
  const place = ({ price, total }: Total): DepthPoint => ({ x: ratio(price - lowest, highest - lowest), y: ratio(total, most), price, total });
  return { bids: (totals[0] ?? []).map(place), asks: (totals[1] ?? []).map(place), lowest, highest, most };
}

interface Total {
  price: bigint;
  total: bigint;
}

function running(levels: readonly Level[]): Total[] {
  let total = 0n;
  return levels.map(({ price, quantity }) => {
    total += quantity;
    return { price, total };
  });
}
