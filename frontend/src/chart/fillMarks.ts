/** Own fills as arrows: one for each bar and side. Pure. */
import type { Side } from "../api/types";
import { trimmed } from "../decimal/format";
import type { Fill } from "../model/orders";
import type { Market } from "../model/markets";

export interface FillMark {
  /** Start of the bar, seconds UTC. */
  time: number;
  side: Side;
  text: string;
}

export function fillMarks(fills: readonly Fill[], market: Market, seconds: number): FillMark[] {
  const sums = new Map<string, { time: number; side: Side; quantity: bigint }>();
  for (const fill of fills) {
    if (fill.symbol !== market.symbol) continue;
    const time = Math.floor(fill.timeMs / 1000 / seconds) * seconds;
    const key = `${time} ${fill.side}`;
    const sum = sums.get(key) ?? { time, side: fill.side, quantity: 0n };
    sums.set(key, { ...sum, quantity: sum.quantity + fill.quantity });
  }
  return [...sums.values()]
    .toSorted((a, b) => a.time - b.time)
    .map(({ time, side, quantity }) => ({ time, side, text: trimmed(quantity, 0, market.quantityDecimals) }));
}
