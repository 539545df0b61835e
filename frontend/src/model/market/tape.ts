/** The latest public trades of the market on the screen, newest first. */
import { ApiError } from "../../api/http";
import { trades } from "../../api/public";
import type { WireTrade } from "../../api/types";
import { parse } from "../../decimal/decimal";
import { fromMicros } from "../../decimal/time";
import type { TradeEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { Store } from "../../reactive/store";

export interface Trade {
  id: number;
  price: bigint;
  quantity: bigint;
  timeMs: number;
  /** The aggressor sold. */
  isSell: boolean;
  /** The aggressor's order; null of trades that were read, not heard: history does not name it. */
  taker: string | null;
}

export const MOST_TRADES = 200;
const RETRY_MS = 1_000;

export class TapeFeed {
  readonly trades = new Store<readonly Trade[]>([]);
  private stop: (() => void) | null = null;
  /** What is shown comes from a closed connection: the next trades replace it. */
  private isStale = false;

  constructor(
    private readonly feed: Feed,
    private readonly onTrade: (event: TradeEvent) => void,
  ) {}

  show(symbol: string): void {
    this.stop?.();
    this.trades.set([]);
    this.isStale = false;
    const isStopped = { yes: false };
    const stop = this.feed.subscribe<TradeEvent>({
      name: `trade.${symbol}`,
      event: (event) => {
        this.onTrade(event);
        this.take([fromEvent(event)]);
      },
      active: () => void this.load(symbol, isStopped),
      lost: () => {
        this.isStale = true;
      },
    });
    this.stop = () => {
      isStopped.yes = true;
      stop();
    };
  }

  private take(more: readonly Trade[]): void {
    const known = this.isStale ? [] : this.trades.get();
    this.isStale = false;
    this.trades.set(merge(known, more));
  }

  private async load(symbol: string, isStopped: { yes: boolean }): Promise<void> {
    try {
      const latest = await trades(symbol, MOST_TRADES);
      if (!isStopped.yes) this.take(latest.map(fromWire));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTimeout(() => !isStopped.yes && void this.load(symbol, isStopped), RETRY_MS);
    }
  }
}

function fromWire(wire: WireTrade): Trade {
  return {
    id: wire.id,
    price: parse(wire.price),
    quantity: parse(wire.quantity),
    timeMs: wire.timestamp,
    isSell: wire.isBuyerMaker,
    taker: null,
  };
}

function fromEvent(event: TradeEvent): Trade {
  const taker = event.m ? event.a : event.b;
  return { id: event.t, price: parse(event.p), quantity: parse(event.q), timeMs: fromMicros(event.T), isSell: event.m, taker };
}

/** Newest first, each trade once. `more` is usually one trade that is newer than all known ones. */
export function merge(known: readonly Trade[], more: readonly Trade[]): readonly Trade[] {
  const [only] = more;
  if (more.length === 1 && only && only.id > (known[0]?.id ?? -1)) return [only, ...known.slice(0, MOST_TRADES - 1)];
  const byId = new Map([...known, ...more].map((trade) => [trade.id, trade]));
  return [...byId.values()].toSorted((a, b) => b.id - a.id).slice(0, MOST_TRADES);
}
