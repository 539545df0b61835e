/**
 * Candles of one market and interval: history by REST, the open one by stream. Values stay text until they are drawn;
 * a candle is geometry, not money.
 */
import { ApiError } from "../../api/http";
import { klines } from "../../api/public";
import type { WireKline } from "../../api/types";
import { parse } from "../../decimal/decimal";
import { parseUtc } from "../../decimal/time";
import type { KlineEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { MINUTES, SECONDS, type Interval } from "./intervals";

export interface Candle {
  /** Start, seconds UTC. */
  time: number;
  open: string;
  high: string;
  low: string;
  close: string;
  volume: string;
}

export interface CandleListener {
  /** Everything, ascending: after loading. */
  replaced: (candles: readonly Candle[]) => void;
  /** The newest candle changed, or a new one began. */
  updated: (candle: Candle) => void;
}

const PAGE = 500;
const RETRY_MS = 1_500;

/** Null for what is no bar: nothing was traded before it, or it is empty and has not begun. */
export function fromWire(wire: WireKline): Candle | null {
  const { open, high, low, close, volume } = wire;
  if (open === null || high === null || low === null || close === null) return null;
  const time = parseUtc(wire.start) / 1000;
  const isYetToCome = time > Date.now() / 1000 && Number(wire.trades) === 0;
  return isYetToCome ? null : { time, open, high, low, close, volume };
}

export function fromEvent(event: KlineEvent): Candle {
  return { time: parseUtc(event.t) / 1000, open: event.o, high: event.h, low: event.l, close: event.c, volume: event.v };
}

/** Whether it is of the same moment as `before` or of a later one: trades only add to the volume of a bar. */
function isLater(candle: Candle, before: Candle | undefined): boolean {
  return before === undefined || parse(candle.volume) >= parse(before.volume);
}

/** Ascending, each start once; of two with the same start the later one. */
export function merge(known: readonly Candle[], more: readonly Candle[]): Candle[] {
  const byTime = new Map(known.map((candle) => [candle.time, candle]));
  for (const candle of more) if (isLater(candle, byTime.get(candle.time))) byTime.set(candle.time, candle);
  return [...byTime.values()].toSorted((a, b) => a.time - b.time);
}

const FEW = 15;
/** As many as a chart shows at first. */
const ENOUGH = 60;

/** Minutes, unless there are not enough of them yet or hardly any has seen a trade. */
export async function fittingInterval(symbol: string): Promise<Interval> {
  const end = Math.floor(Date.now() / 1000) + MINUTES.seconds;
  try {
    const latest = await klines(symbol, MINUTES.name, end - (ENOUGH + 1) * MINUTES.seconds, end);
    const traded = latest.filter((candle) => Number(candle.trades) > 0).length;
    return traded < FEW || latest.flatMap((row) => fromWire(row) ?? []).length < ENOUGH ? SECONDS : MINUTES;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return MINUTES;
  }
}

export class Candles {
  private candles: Candle[] = [];
  private isLoading = false;
  private isExhausted = false;
  private isStopped = false;
  private readonly unsubscribe: () => void;

  constructor(
    feed: Feed,
    private readonly symbol: string,
    private readonly interval: Interval,
    private readonly listener: CandleListener,
  ) {
    this.unsubscribe = feed.subscribe<KlineEvent>({
      name: `kline.${interval.name}.${symbol}`,
      event: (event) => this.receive(fromEvent(event)),
      active: () => void this.loadLatest(),
    });
    void this.loadLatest();
  }

  stop(): void {
    this.isStopped = true;
    this.unsubscribe();
  }

  /** The chart was scrolled to its left end. */
  async loadOlder(): Promise<void> {
    const first = this.candles[0];
    if (this.isLoading || this.isExhausted || !first) return;
    this.isLoading = true;
    const older = await this.page(first.time);
    this.isLoading = false;
    if (older === null || this.isStopped) return;
    this.isExhausted = older.length === 0;
    if (this.isExhausted) return;
    this.candles = merge(older, this.candles);
    this.listener.replaced(this.candles);
  }

  private async loadLatest(): Promise<void> {
    const latest = await this.page(Math.floor(Date.now() / 1000) + this.interval.seconds);
    if (this.isStopped) return;
    if (latest === null) {
      setTimeout(() => !this.isStopped && void this.loadLatest(), RETRY_MS);
      return;
    }
    this.candles = merge(this.candles, latest);
    this.listener.replaced(this.candles);
  }

  /** Up to PAGE candles before `end`, or null when the exchange could not answer. */
  private async page(end: number): Promise<Candle[] | null> {
    try {
      const rows = await klines(this.symbol, this.interval.name, end - PAGE * this.interval.seconds, end);
      return rows.flatMap((row) => fromWire(row) ?? []);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return null;
    }
  }

  private receive(candle: Candle): void {
    const last = this.candles.at(-1);
    if (last && candle.time < last.time) {
      // The final update of a candle whose successor has begun; none is older than what was loaded.
      if (this.candles[0] && candle.time < this.candles[0].time) return;
      this.candles = merge(this.candles, [candle]);
      this.listener.replaced(this.candles);
      return;
    }
    if (last?.time === candle.time) {
      if (!isLater(candle, last)) return;
      this.candles[this.candles.length - 1] = candle;
    } else this.candles.push(candle);
    this.listener.updated(candle);
  }
}
