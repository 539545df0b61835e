/**
 * Where one's own orders of the market on the screen stand in their queues. The feed of single orders is followed only
 * while there are any, by the sequence rule of the wire specification (§8).
 */
import { ApiError } from "../../api/http";
import { orderBook } from "../../api/public";
import { toText } from "../../decimal/decimal";
import type { BookOrderEvent } from "../../feed/events";
import type { Feed } from "../../feed/feed";
import { Store } from "../../reactive/store";
import { isResting, type Order, type Orders } from "../trader/orders";
import { OrderQueues, type Place } from "./orderQueues";

export type Places = ReadonlyMap<string, Place>;

const RETRY_MS = 500;
/** Nobody reads places sixty times a second. */
const CALM_MS = 250;
const MOST_BUFFERED = 50_000;

export class QueueFeed {
  /** By order; empty while the queues are not known. */
  readonly places = new Store<Places>(new Map());
  private symbol: string | null = null;
  private stop: () => void = () => {};
  private queues = new OrderQueues();
  /** Events that came while a snapshot is on its way; null: the queues are followed. */
  private buffer: BookOrderEvent[] | null = [];
  private epoch = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly feed: Feed,
    private readonly orders: Store<Orders>,
    private readonly shown: Store<{ symbol: string } | null>,
  ) {
    for (const store of [orders, shown]) store.subscribe(() => this.follow());
  }

  private own(): Order[] {
    const symbol = this.shown.get()?.symbol;
    return [...this.orders.get().values()].filter((order) => order.symbol === symbol && isResting(order));
  }

  private follow(): void {
    const wanted = this.own().length > 0 ? (this.shown.get()?.symbol ?? null) : null;
    if (wanted === this.symbol) return this.later();
    this.stop();
    this.symbol = wanted;
    this.lost();
    if (wanted === null) return;
    this.stop = this.feed.subscribe<BookOrderEvent>({
      name: `order.${wanted}`,
      event: (event) => this.receive(event),
      active: () => void this.load(wanted, this.epoch),
      lost: () => this.lost(),
    });
  }

  private lost(): void {
    this.epoch += 1;
    this.buffer = [];
    this.places.set(new Map());
  }

  private receive(event: BookOrderEvent): void {
    if (this.buffer) {
      if (this.buffer.length === MOST_BUFFERED) this.buffer.length = 0;
      this.buffer.push(event);
    } else if (this.queues.apply(event)) this.later();
    else {
      this.lost();
      if (this.symbol !== null) void this.load(this.symbol, this.epoch);
    }
  }

  private async load(symbol: string, epoch: number): Promise<void> {
    try {
      const snapshot = await orderBook(symbol);
      if (epoch === this.epoch && this.adopt(snapshot)) return;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    }
    setTimeout(() => epoch === this.epoch && void this.load(symbol, epoch), RETRY_MS);
  }

  /** Whether the snapshot reaches the events that wait. */
  private adopt(snapshot: Awaited<ReturnType<typeof orderBook>>): boolean {
    const queues = new OrderQueues();
    queues.reset(snapshot);
    if (!(this.buffer ?? []).every((event) => queues.apply(event))) return false;
    this.queues = queues;
    this.buffer = null;
    this.later();
    return true;
  }

  private later(): void {
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      if (this.buffer === null) this.places.set(new Map(this.own().flatMap((order) => this.placeOf(order))));
    }, CALM_MS);
  }

  private placeOf({ id, side, price }: Order): [string, Place][] {
    const place = price === null ? null : this.queues.place(id, side, toText(price));
    return place ? [[id, place]] : [];
  }
}
