/** Open orders and fills of the account: snapshots of REST and events of the stream become one picture. Pure. */
import type { OrderStatus, OrderType, Side, TimeInForce, WireFill, WireOrder } from "../../api/types";
import { divide, multiply, parse, ratio } from "../../decimal/decimal";
import { percentOf } from "../../decimal/percent";
import { fromMicros, parseUtc } from "../../decimal/time";
import type { OrderEvent } from "../../feed/events";

export interface Order {
  id: string;
  symbol: string;
  side: Side;
  type: OrderType;
  timeInForce: TimeInForce;
  postOnly: boolean;
  status: OrderStatus;
  price: bigint | null;
  triggerPrice: bigint | null;
  quantity: bigint;
  /** What is to be spent or received instead, of a market order that says that. */
  quoteQuantity?: bigint | null;
  executed: bigint;
  executedQuote: bigint;
  /** The part that the book shows, of an iceberg. */
  display: bigint | null;
  createdMs: number;
}

export type Orders = ReadonlyMap<string, Order>;

const optional = (text: string | null | undefined): bigint | null => (text ? parse(text) : null);

/** What trades of it have been worth on average; null before the first. */
export function averagePrice({ executed, executedQuote }: Pick<Order, "executed" | "executedQuote">): bigint | null {
  return executed > 0n ? divide(executedQuote, executed) : null;
}

/** What an open order is worth at its price, or at its trigger; what an ended one came to. */
export function worth(order: Pick<Order, "status" | "price" | "triggerPrice" | "quantity" | "executed" | "executedQuote">): bigint | null {
  if (!isOpen(order.status)) return order.executedQuote;
  const price = order.price ?? order.triggerPrice ?? averagePrice(order);
  return price === null ? null : multiply(price, order.quantity);
}

type Progress = Pick<Order, "status" | "quantity" | "quoteQuantity" | "executed" | "executedQuote">;

/** What is done, and of what: a filled order may have left what is less than a lot. */
function progress({ status, quantity, quoteQuantity, executed, executedQuote }: Progress): [done: bigint, wanted: bigint] {
  if (status === "Filled") return [1n, 1n];
  return quoteQuantity ? [executedQuote, quoteQuantity] : [executed, quantity];
}

/** "37.5": how much of what was wanted is done. */
export function percentFilled(order: Progress): string {
  return percentOf(...progress(order), 1).replace(/\.0$/, "");
}

/** The same from 0 to 1: geometry. */
export function shareFilled(order: Progress): number {
  return ratio(...progress(order));
}

/** Whether it stands in the book, where others see it. */
export function isResting(order: Order): boolean {
  return order.price !== null && order.status !== "TriggerPending";
}

export function isOpen(status: OrderStatus): boolean {
  return status === "New" || status === "PartiallyFilled" || status === "TriggerPending";
}

export function fromWire(wire: WireOrder): Order {
  return {
    id: wire.id,
    symbol: wire.symbol,
    side: wire.side,
    type: wire.orderType,
    timeInForce: wire.timeInForce,
    postOnly: wire.postOnly ?? false,
    status: wire.status,
    price: optional(wire.price),
    triggerPrice: optional(wire.triggerPrice),
    quantity: parse(wire.quantity ?? wire.triggerQuantity ?? "0"),
    quoteQuantity: optional(wire.quoteQuantity),
    executed: parse(wire.executedQuantity),
    executedQuote: parse(wire.executedQuoteQuantity),
    display: optional(wire.displayQuantity),
    createdMs: wire.createdAt,
  };
}

export function fromEvent(event: OrderEvent, before: Order | undefined): Order {
  return {
    id: event.i,
    symbol: event.s,
    side: event.S,
    type: event.o === "LIMIT" ? "Limit" : "Market",
    timeInForce: event.f,
    postOnly: event.y ?? before?.postOnly ?? false,
    status: event.X,
    price: optional(event.p),
    triggerPrice: optional(event.P),
    quantity: parse(event.q ?? event.Y ?? "0"),
    quoteQuantity: before?.quoteQuantity ?? null,
    executed: parse(event.z),
    executedQuote: parse(event.Z),
    display: optional(event.D),
    createdMs: before?.createdMs ?? fromMicros(event.T),
  };
}

/** Closed orders are remembered for a while: a response that was in flight must not reopen them. */
const REMEMBERED = 2_000;

export class OrderTable {
  private open = new Map<string, Order>();
  private readonly ended = new Set<string>();

  get orders(): Orders {
    return this.open;
  }

  get(id: string): Order | undefined {
    return this.open.get(id);
  }

  /** Replaces everything by a snapshot; events that come later, or came meanwhile, still apply on top. */
  reset(orders: readonly Order[]): void {
    this.open = new Map();
    for (const order of orders) this.apply(order);
  }

  /** An order never goes back: an event with less executed than known, or open after the end, is stale. */
  apply(order: Order): void {
    const known = this.open.get(order.id);
    if (!isOpen(order.status)) {
      this.open = new Map(this.open);
      this.open.delete(order.id);
      this.remember(order.id);
      return;
    }
    if (this.ended.has(order.id) || (known && order.executed < known.executed)) return;
    this.open = new Map(this.open).set(order.id, order);
  }

  private remember(id: string): void {
    this.ended.add(id);
    if (this.ended.size <= REMEMBERED) return;
    for (const oldest of this.ended) {
      this.ended.delete(oldest);
      return;
    }
  }
}

export interface Fill {
  key: string;
  tradeId: number;
  orderId: string;
  symbol: string;
  side: Side;
  price: bigint;
  quantity: bigint;
  fee: bigint;
  feeSymbol: string;
  isMaker: boolean;
  timeMs: number;
}

const fillKey = (symbol: string, tradeId: number, orderId: string): string => `${symbol}:${tradeId}:${orderId}`;

export function fillFromWire(wire: WireFill): Fill {
  return {
    key: fillKey(wire.symbol, wire.tradeId, wire.orderId),
    tradeId: wire.tradeId,
    orderId: wire.orderId,
    symbol: wire.symbol,
    side: wire.side,
    price: parse(wire.price),
    quantity: parse(wire.quantity),
    fee: parse(wire.fee),
    feeSymbol: wire.feeSymbol,
    isMaker: wire.isMaker,
    timeMs: parseUtc(wire.timestamp),
  };
}

/** The fill of an orderFill event; null for any other. */
export function fillFromEvent(event: OrderEvent): Fill | null {
  if (event.e !== "orderFill" || event.t === null || event.t === undefined || !event.l || !event.L) return null;
  return {
    key: fillKey(event.s, event.t, event.i),
    tradeId: event.t,
    orderId: event.i,
    symbol: event.s,
    side: event.S,
    price: parse(event.L),
    quantity: parse(event.l),
    fee: parse(event.n ?? "0"),
    feeSymbol: event.N ?? "",
    isMaker: event.m ?? false,
    timeMs: fromMicros(event.T),
  };
}

/** For sorting. One order can trade many times in a millisecond. */
export const byTime = (a: Fill, b: Fill): number => a.timeMs - b.timeMs || a.tradeId - b.tradeId;

/** Newest first, each once. */
export function mergeFills(known: readonly Fill[], more: readonly Fill[]): readonly Fill[] {
  const byKey = new Map([...known, ...more].map((fill) => [fill.key, fill]));
  return [...byKey.values()].toSorted((a, b) => byTime(b, a));
}
