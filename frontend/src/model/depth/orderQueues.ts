/**
 * One market's book order by order, in the order in which orders trade: who stands before an order, at its price. From
 * the market-by-order feed, which tells for each change what an order shows afterwards:
 *
 *   order unknown   joins the end of its price's queue
 *   order known     shows so much from now on, in its place; at 0 it is gone
 *
 * Pure. Non-goal: when a snapshot fits; see queueFeed.ts.
 */
import type { WireOrderBook } from "../../api/types";
import { parse } from "../../decimal/decimal";
import type { BookOrderEvent } from "../../feed/events";

export interface Place {
  /** Orders that trade before this one, and what they show. */
  before: number;
  quantity: bigint;
  /** What the book shows of it: of an iceberg, a part. */
  shown: bigint;
}

/** Texts as they came: only those before an own order are ever read as numbers. */
type Queue = Map<string, string>;

export class OrderQueues {
  updateId = 0;
  private queues = new Map<string, Queue>();

  reset({ bids, asks, lastUpdateId }: WireOrderBook): void {
    this.queues = new Map();
    this.updateId = Number(lastUpdateId);
    for (const [side, orders] of [["Bid", bids], ["Ask", asks]] as const) {
      for (const [id, price, shown] of orders) this.queueAt(side, price).set(id, shown);
    }
  }

  /** False: changes before this event are missing. What is contained already is left out. */
  apply({ U, u, o }: BookOrderEvent): boolean {
    if (u <= this.updateId) return true;
    if (U > this.updateId + 1) return false;
    // As a rule each change has one number; a difference of books has them only together.
    const isNumbered = o.length === u - U + 1;
    for (const [id, side, price, shown] of isNumbered ? o.slice(this.updateId + 1 - U) : o) this.change(id, side, price, shown);
    this.updateId = u;
    return true;
  }

  place(id: string, side: string, price: string): Place | null {
    const queue = this.queues.get(`${side} ${price}`);
    const own = queue?.get(id);
    if (!queue || own === undefined) return null;
    const place = { before: 0, quantity: 0n, shown: parse(own) };
    for (const [other, shown] of queue) {
      if (other === id) break;
      place.before += 1;
      place.quantity += parse(shown);
    }
    return place;
  }

  private change(id: string, side: string, price: string, shown: string): void {
    const queue = this.queueAt(side, price);
    if (shown === "0") queue.delete(id);
    else queue.set(id, shown);
    if (queue.size === 0) this.queues.delete(`${side} ${price}`);
  }

  private queueAt(side: string, price: string): Queue {
    const key = `${side} ${price}`;
    const known = this.queues.get(key);
    if (known) return known;
    const made: Queue = new Map();
    this.queues.set(key, made);
    return made;
  }
}
