/** The book of the market on the screen: its stream, its replica, and what changed since the last frame. */
import { depth } from "../../api/public";
import type { DepthEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { Store } from "../../reactive/store";
import { BookSync, type BookState } from "./bookSync";

/** Best prices for forms: calmer than the book, since nobody reads them sixty times a second. */
export interface Touch {
  bid: bigint | null;
  ask: bigint | null;
}

const TOUCH_MS = 250;

export class BookFeed {
  readonly state = new Store<BookState>("idle");
  /** Grows with every change; watched by what paints the book. */
  readonly version = new Store(0);
  readonly touch = new Store<Touch>({ bid: null, ask: null });
  symbol: string | null = null;
  sync: BookSync = this.newSync("");
  private stop: (() => void) | null = null;
  private touchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly feed: Feed) {}

  show(symbol: string): void {
    this.stop?.();
    this.symbol = symbol;
    this.sync = this.newSync(symbol);
    this.changed();
    this.tellTouch();
    const { sync } = this;
    this.stop = this.feed.subscribe<DepthEvent>({
      name: `depth.${symbol}`,
      event: (event) => sync.receive(event),
      active: () => sync.begin(),
      lost: () => sync.lost(),
    });
  }

  /** The replica, only while it may be shown. */
  get live(): BookSync["book"] | null {
    return this.sync.state === "live" ? this.sync.book : null;
  }

  private newSync(symbol: string): BookSync {
    return new BookSync({ fetch: () => depth(symbol), changed: () => this.changed() });
  }

  private changed(): void {
    this.state.set(this.sync.state);
    this.version.update((version) => version + 1);
    const { bid, ask } = this.touch.get();
    const now = this.touchNow();
    // Whether there is anybody to trade with is told at once: forms beside a full book must not say "nobody".
    if ((bid === null) !== (now.bid === null) || (ask === null) !== (now.ask === null)) this.tellTouch();
    else this.touchTimer ??= setTimeout(() => this.tellTouch(), TOUCH_MS);
  }

  private tellTouch(): void {
    clearTimeout(this.touchTimer);
    this.touchTimer = undefined;
    const before = this.touch.get();
    const { bid, ask } = this.touchNow();
    if (bid !== before.bid || ask !== before.ask) this.touch.set({ bid, ask });
  }

  private touchNow(): Touch {
    return { bid: this.live?.bids.best ?? null, ask: this.live?.asks.best ?? null };
  }
}
