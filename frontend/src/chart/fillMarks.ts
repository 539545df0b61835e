/** Own fills as arrows: one for each bar and side, with the amount where there is room for it. Pure. */
import type { Side } from "../api/types";
import { trimmed } from "../decimal/format";
import type { Fill } from "../model/trader/orders";
import type { Market } from "../model/market/markets";

const ROOM = 8; // bars that an amount is wide

export interface FillMark {
  /** Start of the bar, seconds UTC. */
  time: number;
  side: Side;
  /** Empty beside another arrow of its side: amounts one over the other cannot be read. */
  text: string;
}

interface FillSum {
  time: number;
  side: Side;
  quantity: bigint;
}

export function fillMarks(fills: readonly Fill[], market: Market, seconds: number): FillMark[] {
  const sums = new Map<string, FillSum>();
  for (const fill of fills) {
    if (fill.symbol !== market.symbol) continue;
    const time = Math.floor(fill.timeMs / 1000 / seconds) * seconds;
    const key = `${time} ${fill.side}`;
    const sum = sums.get(key) ?? { time, side: fill.side, quantity: 0n };
    sums.set(key, { ...sum, quantity: sum.quantity + fill.quantity });
  }
  const marks = [...sums.values()].toSorted((a, b) => a.time - b.time);
  const isAlone = (mark: FillSum): boolean =>
    marks.every((other) => other === mark || other.side !== mark.side || Math.abs(other.time - mark.time) >= ROOM * seconds);
  return marks.map((mark) => ({ time: mark.time, side: mark.side, text: isAlone(mark) ? trimmed(mark.quantity, 0, market.quantityDecimals) : "" }));
}
