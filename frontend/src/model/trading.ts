/** Places and cancels orders, and shows the outcome. Non-goal: the state of orders, which comes by the private stream. */
import { ApiError } from "../api/http";
import { newClientId, type PrivateApi } from "../api/private";
import type { Amendment, NewOrder, Side, WireOrder } from "../api/types";
import { parse } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import type { Market } from "./market/markets";
import type { Order } from "./trader/orders";
import type { Questions } from "./questions";
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

const BATCH = 100; // orders that one request may cancel

function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export class Trading {
  constructor(
    private readonly api: PrivateApi,
    private readonly toasts: Toasts,
    private readonly questions: Questions,
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

  /** Whether all took the change: several orders, where they stand at one price. */
  async amend(orders: readonly Order[], change: Amendment): Promise<boolean> {
    try {
      const answers = await Promise.all(orders.map((order) => this.api.amend(order.symbol, order.id, change)));
      const slowest = Math.max(...answers.map(({ roundTripMs }) => roundTripMs));
      const [{ symbol } = { symbol: "" }] = orders;
      const what = orders.length === 1 ? "Order amended" : `${orders.length} orders amended`;
      this.toasts.show("plain", what, `${symbol.replace("_", "/")} · ${milliseconds(slowest)}`);
      return true;
    } catch (error) {
      this.failed(error, "Not amended");
      return false;
    }
  }

  /** `side`: only those of one side are meant, which are cancelled one by one; else whatever is open in their markets. */
  async cancelAll(orders: readonly Order[], side: Side | null = null): Promise<void> {
    const count = orders.length;
    const symbols = [...new Set(orders.map(({ symbol }) => symbol))];
    const isMeant = await this.questions.ask({
      title: count === 1 ? "Cancel the open order?" : `Cancel all ${count} open orders${side === null ? "" : side === "Bid" ? " to buy" : " to sell"}?`,
      lines: [symbols.map((symbol) => symbol.replace("_", "/")).join(", ")],
      action: "Cancel all",
      of: ["cancelAll"],
    });
    if (!isMeant) return;
    try {
      const answers = await Promise.all(symbols.flatMap((symbol) => (side === null ? [this.api.cancelAll(symbol)] : this.cancelEach(symbol, orders))));
      const cancelled = answers.flatMap(({ body }): readonly object[] => body).filter((answer) => !("code" in answer)).length;
      this.toasts.show("plain", "Orders cancelled", cancelled === 1 ? "1 order" : `${cancelled} orders`);
    } catch (error) {
      this.failed(error, "Not all were cancelled");
    }
  }

  private cancelEach(symbol: string, orders: readonly Order[]): ReturnType<PrivateApi["cancelEach"]>[] {
    const ids = orders.flatMap((order) => (order.symbol === symbol ? [order.id] : []));
    const batches = Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, at) => ids.slice(at * BATCH, (at + 1) * BATCH));
    return batches.map((batch) => this.api.cancelEach(symbol, batch));
  }

  /** Fills and expiries are announced from the private stream; here only an order that rests is announced. */
  private accepted(order: WireOrder, market: Market, roundTripMs: number): void {
    if (order.status !== "New" && order.status !== "PartiallyFilled" && order.status !== "TriggerPending") return;
    const verb = order.side === "Bid" ? "Buy" : "Sell";
    const quantity = trimmed(parse(order.quantity ?? order.triggerQuantity ?? "0"), 0, market.quantityDecimals);
    const price = order.price ? ` at ${fixed(parse(order.price), market.priceDecimals)} ${market.quote}` : "";
    const trigger = order.triggerPrice ? ` once it trades at ${fixed(parse(order.triggerPrice), market.priceDecimals)}` : "";
    this.toasts.show("plain", "Order placed", `${verb} ${quantity} ${market.base}${price}${trigger} · ${milliseconds(roundTripMs)}`);
  }

  private failed(error: unknown, fallback: string): void {
    if (!(error instanceof ApiError)) throw error;
    this.toasts.show("bad", TITLES[error.code] ?? fallback, error.message);
  }
}
