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
import { quietAfter, withoutGaps } from "./quiet";

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

/**
 * Bars are read in pages that begin at multiples of its width: the newest page and the one before. So one who has been
 * here for hours has the same bars as one who comes now, and averages that begin with the first bar are the same, too.
 */
const PAGE = 500;
const RETRY_MS = 1_500;
const LOOK_MS = 1_000;

/** Null for what is no bar: nothing was traded before it, or it is empty and has not begun. */
export function fromWire(wire: WireKline, nowMs: number): Candle | null {
  const { open, high, low, close, volume } = wire;
  if (open === null || high === null || low === null || close === null) return null;
  const time = parseUtc(wire.start) / 1000;
  const isYetToCome = time > nowMs / 1000 && Number(wire.trades) === 0;
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
  const now = Date.now();
  const end = Math.floor(now / 1000) + MINUTES.seconds;
  try {
    const latest = await klines(symbol, MINUTES.name, end - (ENOUGH + 1) * MINUTES.seconds, end);
    const traded = latest.filter((candle) => Number(candle.trades) > 0).length;
    return traded < FEW || latest.flatMap((row) => fromWire(row, now) ?? []).length < ENOUGH ? SECONDS : MINUTES;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return MINUTES;
  }
}

export class Candles {
  /** Ascending and without a gap: what was quiet, too, has its bar, as after a reload. */
  private candles: Candle[] = [];
  private isLoading = false;
  private isExhausted = false;
  /** Somebody scrolled back beyond the two pages: what came for that stays. */
  private hasOlder = false;
  private isStopped = false;
  private isSubscribed = false;
  /** The stream tells all that happened since what was loaded: what it says nothing of was quiet. */
  private isCurrent = false;
  private isRefreshing = false;
  /** What was asked for by the reader's own clock. */
  private isGuessed = false;
  private readonly unsubscribe: () => void;
  private clockwork: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly feed: Feed,
    private readonly symbol: string,
    private readonly interval: Interval,
    private readonly listener: CandleListener,
  ) {
    this.unsubscribe = feed.subscribe<KlineEvent>({
      name: `kline.${interval.name}.${symbol}`,
      event: (event) => this.receive(fromEvent(event)),
      active: () => {
        this.isSubscribed = true;
        void this.loadLatest();
      },
      lost: () => (this.isSubscribed = this.isCurrent = false),
    });
    void this.loadLatest();
    this.waitForNext();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.clockwork);
    this.unsubscribe();
  }

  /** The chart was scrolled to its left end. */
  async loadOlder(): Promise<void> {
    const first = this.candles[0];
    if (this.isLoading || this.isExhausted || !first) return;
    this.isLoading = true;
    const older = await this.read(first.time - PAGE * this.interval.seconds, first.time);
    this.isLoading = false;
    if (older === null || this.isStopped || this.candles[0]?.time !== first.time) return; // it ends where none begins any more
    this.isExhausted = older.length === 0;
    if (this.isExhausted) return;
    this.hasOlder = true;
    this.replace(merge(older, this.candles));
  }

  private async loadLatest(): Promise<void> {
    const { isSubscribed } = this;
    this.isRefreshing = true;
    this.isGuessed = !this.feed.clock.isKnown;
    const now = Math.floor(this.feed.clock.now() / 1000);
    const latest = await this.read(this.beginning(now), now + this.interval.seconds);
    if (this.isStopped) return;
    if (latest === null) {
      setTimeout(() => !this.isStopped && void this.loadLatest(), RETRY_MS);
      return;
    }
    this.isRefreshing = false;
    this.isCurrent = isSubscribed && this.isSubscribed;
    this.letGoBefore(latest[0], this.interval.seconds);
    this.replace(merge(this.candles, latest));
  }

  /** The candles from `start` to before `end`, or null when the exchange could not answer. */
  private async read(start: number, end: number): Promise<Candle[] | null> {
    try {
      const rows = await klines(this.symbol, this.interval.name, start, end);
      return rows.flatMap((row) => fromWire(row, this.feed.clock.now()) ?? []);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return null;
    }
  }

  private receive(candle: Candle): void {
    const last = this.candles.at(-1);
    if (last && candle.time < last.time) {
      // The final word on a bar whose successor has begun; none is older than what was loaded.
      const known = this.candles.find(({ time }) => time === candle.time);
      if (known && parse(candle.volume) > parse(known.volume)) this.replace(merge(this.candles, [candle]));
      return;
    }
    if (last?.time === candle.time) {
      if (!isLater(candle, last)) return;
      this.candles[this.candles.length - 1] = candle;
      this.listener.updated(candle);
      return;
    }
    this.letGoBefore(candle, PAGE * this.interval.seconds);
    this.continueTo(candle.time - this.interval.seconds);
    this.add(candle);
  }

  /** Where the first of the two pages begins, at this time. */
  private beginning(time: number): number {
    const page = PAGE * this.interval.seconds;
    return (Math.floor(time / page) - 1) * page;
  }

  private add(candle: Candle): void {
    const last = this.candles.at(-1);
    this.candles.push(candle);
    const isNextPage = last !== undefined && this.beginning(last.time) !== this.beginning(candle.time);
    if (isNextPage && !this.hasOlder) this.replace(this.candles);
    else this.listener.updated(candle);
  }

  private replace(candles: readonly Candle[]): void {
    const begin = this.hasOlder ? 0 : this.beginning(candles.at(-1)?.time ?? 0);
    const kept = candles.filter(({ time }) => time >= begin);
    this.isExhausted &&= kept.length === candles.length;
    this.candles = withoutGaps(kept, this.interval.seconds);
    this.listener.replaced(this.candles);
  }

  /** Where so much lies between, say after a night's sleep, what was before it comes when it is scrolled to. */
  private letGoBefore(candle: Candle | undefined, seconds: number): void {
    const last = this.candles.at(-1);
    if (!last || !candle || candle.time - last.time <= seconds) return;
    this.candles = [];
    this.isExhausted = this.hasOlder = false;
  }

  /** Quiet bars up to the one that begins at `until`. */
  private continueTo(until: number): void {
    const last = this.candles.at(-1);
    if (!last) return;
    for (const candle of quietAfter(last, until, this.interval.seconds)) this.add(candle);
  }

  /** Looks again when the next bar begins, and at least every second: clocks are set, and machines sleep. */
  private waitForNext(): void {
    const width = this.interval.seconds * 1000;
    const rest = width - (this.feed.clock.now() % width);
    this.clockwork = setTimeout(() => {
      this.look();
      this.waitForNext();
    }, Math.min(rest, LOOK_MS));
  }

  private look(): void {
    const { clock } = this.feed;
    const { seconds } = this.interval;
    const now = clock.now() / 1000;
    const wasWrong = this.isGuessed && clock.isKnown && Math.abs(now - Date.now() / 1000) > seconds;
    if (clock.isKnown) this.isGuessed = false;
    if (this.isRefreshing) return;
    const last = this.candles.at(-1);
    if (wasWrong || (last && this.isCurrent && now - last.time > PAGE * seconds)) void this.loadLatest();
    else if (this.isCurrent) this.continueTo(now);
  }
}
