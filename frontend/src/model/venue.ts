/** Everything that lives outside React, wired together once: the page's model. */
import { ApiError } from "../api/http";
import { PrivateApi } from "../api/private";
import * as publicApi from "../api/public";
import { SessionHolder } from "../api/session";
import type { Side } from "../api/types";
import type { TickerEvent } from "../feed/events";
import { Feed } from "../feed/feed";
import { recall, remember } from "../reactive/remembered";
import { Store } from "../reactive/store";
import { Account } from "./trader/account";
import { Announcer } from "./announcer";
import { BookFeed } from "./depth/book";
import { toMarket, type Market } from "./market/markets";
import { OrderEntry } from "./trader/orderEntry";
import { orderHistory } from "./trader/orderHistory";
import { Questions } from "./questions";
import { QueueFeed } from "./depth/queueFeed";
import type { Names } from "./market/search";
import { TapeFeed } from "./market/tape";
import { fromWire, withTicker, withTrade, type Tickers } from "./market/tickers";
import { Toasts } from "./toasts";
import { Touches } from "./market/touches";
import { Trading } from "./trading";
import { transferHistory } from "./trader/transfers";

const RETRY_MS = 1_500;
const MARKETS_MS = 5_000; // between two looks at what the markets take
const FROZEN_MS = 3_000; // between two looks at a frozen account
const LAST_SEEN = "market";

export class Venue {
  readonly session = new SessionHolder();
  readonly toasts = new Toasts();
  readonly markets = new Store<readonly Market[]>([]);
  readonly names = new Store<Names>(new Map());
  readonly tickers = new Store<Tickers>(new Map());
  readonly selected = new Store<Market | null>(null);
  /** A price picked from the book and the side that it stands on, or a side alone, for the order form; a new object for each pick. */
  readonly picked = new Store<{ price: bigint | null; side: Side } | null>(null);
  readonly feed = new Feed({
    address: () => this.session.streams(),
    streamToken: () => this.session.streamToken,
    refused: (why) => this.session.refused(why),
  });
  readonly book = new BookFeed(this.feed);
  readonly tape = new TapeFeed(this.feed, (event) => this.tickers.update((tickers) => withTrade(tickers, event)));
  readonly touches = new Touches(this.feed);
  readonly api = new PrivateApi(this.session);
  readonly orderEntry = new OrderEntry();
  readonly account = new Account(this.api, new Announcer(this.toasts, (symbol) => this.market(symbol)).onOrder);
  readonly questions = new Questions();
  readonly trading = new Trading(this.api, this.toasts, this.questions);
  readonly history = orderHistory(this.api, this.account);
  readonly transfers = transferHistory(this.api, this.account);
  readonly queues = new QueueFeed(this.feed, this.account.orders, this.selected);

  private owner: number | null = null;
  private asking: ReturnType<typeof setInterval> | undefined;

  start(): void {
    this.account.follow(this.feed, () => this.session.isFrozen.set(false));
    this.feed.start();
    this.orderEntry.start();
    this.session.store.subscribe(() => this.followSession());
    this.session.isFrozen.subscribe(() => this.followFreeze());
    this.feed.state.subscribe(() => this.feed.state.get() === "live" && void this.refreshTickers());
    void this.load();
    setInterval(() => document.visibilityState === "visible" && void this.refreshMarkets(), MARKETS_MS);
  }

  private followSession(): void {
    const session = this.session.store.get();
    const owner = session.kind === "open" ? session.account : null;
    if (owner !== this.owner && this.owner !== null) {
      this.account.clear();
      this.history.clear();
      this.transfers.clear();
    }
    this.owner = owner;
    this.feed.resubscribePrivate();
  }

  /** What the streams do not tell a frozen account is asked for, until they take it again. */
  private followFreeze(): void {
    clearInterval(this.asking);
    if (!this.session.isFrozen.get()) return;
    const ask = (): void => {
      void this.account.refresh();
      this.feed.resubscribePrivate();
    };
    ask();
    this.asking = setInterval(ask, FROZEN_MS);
  }

  market(symbol: string): Market | undefined {
    return this.markets.get().find((market) => market.symbol === symbol);
  }

  /** The market to begin with: the one seen last, or the first. */
  get first(): Market | undefined {
    return this.market(recall(LAST_SEEN) ?? "") ?? this.markets.get()[0];
  }

  select(symbol: string): void {
    const market = this.market(symbol);
    if (!market || this.selected.get()?.symbol === symbol) return;
    this.selected.set(market);
    this.picked.set(null);
    this.book.show(symbol);
    this.tape.show(symbol);
    remember(LAST_SEEN, symbol);
  }

  /** Nothing can be shown without the markets: retried until they arrive. */
  private async load(): Promise<void> {
    try {
      const [markets, tickers, assets] = await Promise.all([publicApi.markets(), publicApi.tickers(), publicApi.assets()]);
      this.names.set(new Map(assets.map(({ symbol, displayName }) => [symbol, displayName])));
      this.tickers.set(fromWire(tickers));
      this.markets.set(markets.map(toMarket));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTimeout(() => void this.load(), RETRY_MS);
      return;
    }
    for (const { symbol } of this.markets.get()) {
      this.feed.subscribe<TickerEvent>({
        name: `ticker.${symbol}`,
        event: (event) => this.tickers.update((tickers) => withTicker(tickers, event)),
      });
    }
  }

  /** Their states change while one looks: no stream says so. */
  private async refreshMarkets(): Promise<void> {
    try {
      const states = new Map((await publicApi.markets()).map(({ symbol, orderBookState }) => [symbol, orderBookState]));
      const now = (market: Market): Market => ({ ...market, state: states.get(market.symbol) ?? market.state });
      if (this.markets.get().every((market) => now(market).state === market.state)) return;
      this.markets.update((markets) => markets.map(now));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** After a reconnection the 24-hour figures may be stale, and a ticker arrives only once a second. */
  private async refreshTickers(): Promise<void> {
    try {
      const tickers = await publicApi.tickers();
      this.tickers.set(fromWire(tickers));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
  }
}
