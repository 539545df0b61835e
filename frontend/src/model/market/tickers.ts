/** Last price and rolling 24 hours of every market. */
import type { WireTicker } from "../../api/types";
import { parse } from "../../decimal/decimal";
import { direction, type Direction } from "../../decimal/format";
import type { TickerEvent, TradeEvent } from "../../feed/events";

export interface Ticker {
  first: bigint;
  last: bigint;
  high: bigint;
  low: bigint;
  volume: bigint;
  quoteVolume: bigint;
  trades: number;
  /** Of the last change of the last price. */
  move: Direction;
}

export type Tickers = ReadonlyMap<string, Ticker>;

/** Markets without a trade are left out: they have no last price, and 0 would be taken for one. */
export function fromWire(wire: readonly WireTicker[]): Tickers {
  return new Map(wire.filter(({ lastPrice }) => parse(lastPrice) > 0n).map((each) => [each.symbol, toTicker(each)]));
}

function toTicker(wire: WireTicker): Ticker {
  return {
    first: parse(wire.firstPrice),
    last: parse(wire.lastPrice),
    high: parse(wire.high),
    low: parse(wire.low),
    volume: parse(wire.volume),
    quoteVolume: parse(wire.quoteVolume),
    trades: Number(wire.trades),
    move: "flat",
  };
}

function moved(before: Ticker | undefined, last: bigint): Direction {
  if (!before || before.last === last) return before?.move ?? "flat";
  return direction(before.last, last);
}

export function withTicker(tickers: Tickers, event: TickerEvent): Tickers {
  const last = parse(event.c);
  if (last === 0n) return tickers;
  const ticker: Ticker = {
    first: parse(event.o),
    last,
    high: parse(event.h),
    low: parse(event.l),
    volume: parse(event.v),
    quoteVolume: parse(event.V),
    trades: event.n,
    move: moved(tickers.get(event.s), last),
  };
  return new Map(tickers).set(event.s, ticker);
}

/** A trade moves the last price at once; the sums follow with the next ticker. */
export function withTrade(tickers: Tickers, event: TradeEvent): Tickers {
  const last = parse(event.p);
  const before = tickers.get(event.s) ?? firstTrade(last);
  if (before.last === last && tickers.has(event.s)) return tickers;
  const high = last > before.high ? last : before.high;
  const low = last < before.low ? last : before.low;
  return new Map(tickers).set(event.s, { ...before, last, high, low, move: direction(before.last, last) });
}

function firstTrade(price: bigint): Ticker {
  return { first: price, last: price, high: price, low: price, volume: 0n, quoteVolume: 0n, trades: 0, move: "flat" };
}
