/** The best prices of many markets, for as long as somebody looks at them. */
import { ApiError } from "../../api/http";
import { best } from "../../api/public";
import { parse } from "../../decimal/decimal";
import type { BookTickerEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { Store } from "../../reactive/store";
import type { Touch } from "../depth/book";

export class Touches {
  readonly store = new Store<ReadonlyMap<string, Touch>>(new Map());

  constructor(private readonly feed: Feed) {}

  /** Until the returned function is called. The stream says nothing of a book that stands still: that is asked for. */
  follow(symbols: readonly string[]): () => void {
    const stops = symbols.map((symbol) =>
      this.feed.subscribe<BookTickerEvent>({
        name: `bookTicker.${symbol}`,
        event: ({ b, a }) => this.set(symbol, b, a),
        active: () => void this.ask(symbol),
        lost: () => this.store.update((known) => new Map([...known].filter(([each]) => each !== symbol))),
      }),
    );
    return () => {
      for (const stop of stops) stop();
      this.store.set(new Map());
    };
  }

  private async ask(symbol: string): Promise<void> {
    try {
      const { bids, asks } = await best(symbol);
      if (!this.store.get().has(symbol)) this.set(symbol, bids.at(-1)?.[0] ?? "0", asks[0]?.[0] ?? "0");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // what the stream says next is shown
    }
  }

  /** A side without orders has the price 0. */
  private set(symbol: string, bid: string, ask: string): void {
    const side = (price: string): bigint | null => parse(price) || null;
    this.store.update((known) => new Map(known).set(symbol, { bid: side(bid), ask: side(ask) }));
  }
}
