/** Bars of intervals in which nothing was traded, as /klines has them: the close before them goes on. Pure. */
import { parse } from "../../decimal/decimal";
import type { Candle } from "./candles";

/** The bars that follow `last` in quiet intervals, up to the one that begins at `until`. */
export function quietAfter(last: Candle, until: number, seconds: number): Candle[] {
  const { close } = last;
  const count = Math.max(0, Math.floor((until - last.time) / seconds));
  return Array.from({ length: count }, (_, index) => ({
    time: last.time + (index + 1) * seconds,
    open: close,
    high: close,
    low: close,
    close,
    volume: "0",
  }));
}

/** The same bars without a gap; what is quiet takes the close before it, which may have become another one. */
export function withoutGaps(candles: readonly Candle[], seconds: number): Candle[] {
  const all: Candle[] = [];
  for (const candle of candles) {
    const before = all.at(-1);
    if (before) all.push(...quietAfter(before, candle.time - (isQuiet(candle) ? 0 : seconds), seconds));
    if (!before || !isQuiet(candle)) all.push(candle);
  }
  return all;
}

function isQuiet({ volume }: Candle): boolean {
  return parse(volume) === 0n;
}
