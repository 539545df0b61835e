/** Places and cancels orders, and shows the outcome. Non-goal: the state of orders, which comes by the private stream. */
import { ApiError } from "../api/http";
import { newClientId, type PrivateApi } from "../api/private";
import type { NewOrder, WireOrder } from "../api/types";
import { parse } from "../decimal/decimal";
import { trimmed } from "../decimal/format";
import type { Market } from "./markets";
import type { Order } from "./orders";
import type { Toasts } from "./toasts";

const TITLES: Record<string, string> = {
  INSUFFICIENT_FUNDS: "Not enough funds",
  INVALID_PRICE: "Price refused",
  INVALID_QUANTITY: "Amount refused",
  ORDER_LIMIT: "Too many open orders",
  RESOURCE_NOT_FOUND: "Order not open any more",
  TOO_MANY_REQUESTS: "Too many requests",
  TRADING_PAUSED: "Trading is paused",
  TIMEOUT: "Outcome unknown",
  UNREACHABLE: "Exchange unreachable",
};

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export class Trading {
  constructor(
    private readonly api: PrivateApi,
    private readonly toasts: Toasts,
  ) {}

  /** Whether the exchange took the order. */
  async place(order: Omit<NewOrder, "clientId">, market: Market): Promise<boolean> {
    try {
      const { body, roundTripMs } = await this.api.place({ ...order, clientId: newClientId() });
      this.accepted(body, market, roundTripMs);
      return true;
    } catch (error) {
      this.failed(error, "Order refused");
      return false;
    }
  }

  async cancel(order: Order): Promise<void> {
    try {
      const { roundTripMs } = await this.api.cancel(order.symbol, order.id);
      this.toasts.show("plain", "Order cancelled", `${order.symbol.replace("_", "/")} · ${milliseconds(roundTripMs)}`);
    } catch (error) {
      this.failed(error, "Not cancelled");
    }
  }

  async cancelAll(symbols: readonly string[]): Promise<void> {
    try {
      const answers = await Promise.all(symbols.map((symbol) => this.api.cancelAll(symbol)));
      const count = answers.reduce((sum, answer) => sum + answer.body.length, 0);
      this.toasts.show("plain", "Orders cancelled", count === 1 ? "1 order" : `${count} orders`);
    } catch (error) {
      this.failed(error, "Not all were cancelled");
    }
  }

  /** Fills and expiries are announced from the private stream; here only an order that rests is announced. */
  private accepted(order: WireOrder, market: Market, roundTripMs: number): void {
    if (order.status !== "New" && order.status !== "PartiallyFilled" && order.status !== "TriggerPending") return;
    const verb = order.side === "Bid" ? "Buy" : "Sell";
    const quantity = trimmed(parse(order.quantity ?? "0"), 0, market.quantityDecimals);
    const price = order.price ? ` at ${trimmed(parse(order.price), 0, market.priceDecimals)} ${market.quote}` : "";
    this.toasts.show("plain", "Order placed", `${verb} ${quantity} ${market.base}${price} · ${milliseconds(roundTripMs)}`);
  }

  private failed(error: unknown, fallback: string): void {
    if (!(error instanceof ApiError)) throw error;
    this.toasts.show("bad", TITLES[error.code] ?? fallback, error.message);
  }
}
