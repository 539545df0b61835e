/** Frames of the WebSocket, as they arrive. E and T are microseconds. */
import type { OrderStatus, Side, TimeInForce } from "../api/types";

export interface DepthEvent {
  e: "depth";
  E: number;
  s: string;
  U: number;
  u: number;
  b: [string, string][];
  a: [string, string][];
}

/** Orders accepted, changed or gone: [id, side, price, quantity shown after; "0": gone]. */
export interface BookOrderEvent {
  e: "order";
  U: number;
  u: number;
  o: [string, Side, string, string][];
}

export interface TradeEvent {
  e: "trade";
  s: string;
  p: string;
  q: string;
  t: number;
  m: boolean;
  /** Ids of the buyer's and the seller's order. */
  b: string;
  a: string;
  T: number;
}

export interface TickerEvent {
  e: "ticker";
  s: string;
  o: string;
  c: string;
  h: string;
  l: string;
  v: string;
  V: string;
  n: number;
}

/** A side without orders has the price 0. */
export interface BookTickerEvent {
  e: "bookTicker";
  s: string;
  b: string;
  a: string;
}

export interface KlineEvent {
  e: "kline";
  s: string;
  t: string;
  T: string;
  o: string;
  h: string;
  l: string;
  c: string;
  v: string;
  X: boolean;
}

export interface OrderEvent {
  e: "orderAccepted" | "orderFill" | "orderCancelled" | "orderExpired" | "orderModified" | "triggerPlaced" | "triggerFailed";
  E: number;
  T: number;
  s: string;
  S: Side;
  o: "LIMIT" | "MARKET";
  f: TimeInForce;
  X: OrderStatus;
  i: string;
  c?: number | null;
  q?: string | null;
  Q?: string | null;
  p?: string | null;
  P?: string | null;
  Y?: string | null;
  D?: string | null;
  z: string;
  Z: string;
  t?: number | null;
  l?: string | null;
  L?: string | null;
  m?: boolean | null;
  n?: string | null;
  N?: string | null;
  R?: string | null;
  y?: boolean | null;
}

export interface BalanceEvent {
  e: "balanceUpdate";
  a: string;
  A: string;
  L: string;
}

export type StreamEvent = DepthEvent | BookOrderEvent | TradeEvent | TickerEvent | BookTickerEvent | KlineEvent | OrderEvent | BalanceEvent;

export interface DataFrame {
  stream: string;
  data: StreamEvent;
}

export interface ControlFrame {
  id: number | null;
  result?: null;
  error?: { code: number; message: string };
}

export type ServerFrame = DataFrame | ControlFrame;
