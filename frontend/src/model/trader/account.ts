/**
 * The account's live picture: balances, open orders, fills. Subscribes to the private streams and, each time they
 * become active, fetches snapshots; events that arrive meanwhile are replayed on top, which is harmless because they
 * carry absolute values.
 */
import { ApiError } from "../../api/http";
import type { PrivateApi } from "../../api/private";
import type { WireBalances } from "../../api/types";
import { parse } from "../../decimal/decimal";
import type { BalanceEvent, OrderEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { Store } from "../../reactive/store";
import { byTime, fillFromEvent, fillFromWire, fromEvent, fromWire, mergeFills, OrderTable, type Fill, type Orders } from "./orders";

interface Balance {
  available: bigint;
  locked: bigint;
}

export type Balances = ReadonlyMap<string, Balance>;

/** In basis points, as the exchange publishes them. */
export interface Fees {
  maker: bigint;
  taker: bigint;
}

const HISTORY = 100;
const MOST_FILLS = 200; // unless somebody looks further back
const RETRY_MS = 2_000;

export class Account {
  readonly balances = new Store<Balances>(new Map());
  readonly orders = new Store<Orders>(new Map());
  readonly fills = new Store<readonly Fill[]>([]);
  readonly fees = new Store<Fees | null>(null);
  /** False until the first snapshot has arrived, and while the connection is lost. */
  readonly isCurrent = new Store(false);
  /** Why the history of fills is missing, if it is. */
  readonly fillsProblem = new Store<string | null>(null);
  /** Whether the account has no fills before those. */
  readonly fillsAreAll = new Store(true);
  private mostFills = MOST_FILLS;
  private readonly table = new OrderTable();
  private early: (OrderEvent | BalanceEvent)[] | null = [];
  private epoch = 0;

  constructor(
    private readonly api: PrivateApi,
    private readonly onOrder: (event: OrderEvent) => void,
  ) {}

  /** `heard`: the streams have taken the account. */
  follow(feed: Feed, heard: () => void): void {
    const lost = (): void => {
      this.epoch += 1;
      this.early = [];
      this.isCurrent.set(false);
    };
    feed.subscribe<OrderEvent>({
      name: "account.orderUpdate",
      isPrivate: true,
      event: (event) => {
        this.onOrder(event);
        this.receive(event);
      },
      active: () => {
        heard();
        void this.refresh();
      },
      lost,
    });
    feed.subscribe<BalanceEvent>({ name: "account.balanceUpdate", isPrivate: true, event: (event) => this.receive(event) });
  }

  /** The session ended or belongs to another account: nothing of the old one may stay on the screen. */
  clear(): void {
    this.epoch += 1;
    this.early = [];
    this.isCurrent.set(false);
    this.balances.set(new Map());
    this.table.reset([]);
    this.orders.set(this.table.orders);
    this.fills.set([]);
    this.fees.set(null);
    this.fillsProblem.set(null);
    this.fillsAreAll.set(true);
    this.mostFills = MOST_FILLS;
  }

  private receive(event: OrderEvent | BalanceEvent): void {
    if (this.early) this.early.push(event);
    else this.apply(event);
  }

  private apply(event: OrderEvent | BalanceEvent): void {
    if (event.e === "balanceUpdate") {
      const balance = { available: parse(event.A), locked: parse(event.L) };
      this.balances.update((balances) => new Map(balances).set(event.a, balance));
      return;
    }
    this.table.apply(fromEvent(event, this.table.get(event.i)));
    this.orders.set(this.table.orders);
    const fill = fillFromEvent(event);
    if (fill) this.addFills([fill]);
  }

  async refresh(): Promise<void> {
    this.epoch += 1;
    const { epoch } = this;
    this.early ??= [];
    try {
      const [balances, orders, account] = await Promise.all([this.api.balances(), this.api.openOrders(), this.api.account()]);
      if (epoch !== this.epoch) return;
      this.balances.set(toBalances(balances));
      this.table.reset(orders.map(fromWire));
      this.orders.set(this.table.orders);
      this.fees.set({ maker: parse(String(account.spotMakerFee)), taker: parse(String(account.spotTakerFee)) });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (epoch === this.epoch) setTimeout(() => epoch === this.epoch && void this.refresh(), RETRY_MS);
      return;
    }
    const { early } = this;
    this.early = null;
    for (const event of early ?? []) this.apply(event);
    this.isCurrent.set(true);
    void this.refreshFills(epoch);
  }

  /** History comes from the database, which may be down while trading continues: it must not delay the rest. */
  private async refreshFills(epoch: number): Promise<void> {
    try {
      const page = (await this.api.fillsPage({ limit: HISTORY, offset: 0 })).map(fillFromWire);
      if (epoch !== this.epoch) return;
      this.letGoBefore(page);
      this.addFills(page);
      this.fillsProblem.set(null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (epoch !== this.epoch) return;
      this.fillsProblem.set(error.message);
      setTimeout(() => epoch === this.epoch && void this.refreshFills(epoch), RETRY_MS);
    }
  }

  /** A page of what was before the fills that are known. */
  async olderFills(): Promise<void> {
    const { epoch } = this;
    const page = await this.api.fillsPage({ limit: HISTORY, offset: this.fills.get().length });
    if (epoch !== this.epoch) return;
    this.mostFills += page.length;
    this.addFills(page.map(fillFromWire));
    this.fillsAreAll.set(page.length < HISTORY);
  }

  private addFills(more: readonly Fill[]): void {
    const all = mergeFills(this.fills.get(), more);
    this.fills.set(all.slice(0, this.mostFills));
    if (all.length > this.mostFills) this.fillsAreAll.set(false);
  }

  /** After an absence there may be fills between this newest page and those that are known: they come when they are wanted. */
  private letGoBefore(page: readonly Fill[]): void {
    const oldest = page.at(-1);
    if (page.length < HISTORY || !oldest || this.fills.get().some(({ key }) => key === oldest.key)) return;
    this.fills.update((known) => known.filter((fill) => byTime(fill, oldest) > 0));
    this.fillsAreAll.set(false);
  }
}

function toBalances(wire: WireBalances): Balances {
  return new Map(
    Object.entries(wire).map(([asset, balance]) => [
      asset,
      { available: parse(balance.available), locked: parse(balance.locked) },
    ]),
  );
}
