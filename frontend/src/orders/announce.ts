/** Order events as messages for people. Fills of one order that arrive together are told once. */
import type { Market } from "../markets/markets";
import { parse } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import type { OrderEvent } from "../feed/events";
import { frames } from "../feed/frames";
import type { Toasts } from "../toasts/toasts";
import { fillFromEvent, type Fill } from "./orders";

const REASONS: Record<string, string> = {
  FillOrKill: "it could not be filled completely at once",
  ImmediateOrCancel: "the rest could not be filled at once",
  InsufficientFunds: "there were not enough funds",
  InsufficientLiquidity: "nobody was there to trade with",
  PostOnlyTaker: "it would have traded at once",
  PriceOutOfBounds: "the price was outside the market's band",
  PriceImpact: "it would have moved the price too far",
  SelfTradePrevention: "it would have traded with an order of your own",
  AccountTradingSuspended: "trading of this account is suspended",
};

export function reason(code: string | null | undefined): string {
  if (!code) return "the exchange gave no reason";
  return REASONS[code] ?? code;
}

interface Tally {
  fill: Fill;
  quantity: bigint;
  notional: bigint;
  isDone: boolean;
}

export class Announcer {
  private readonly tallies = new Map<string, Tally>();

  constructor(
    private readonly toasts: Toasts,
    private readonly market: (symbol: string) => Market | undefined,
  ) {}

  readonly hear = (event: OrderEvent): void => {
    const fill = fillFromEvent(event);
    if (fill) this.count(fill, event.X === "Filled");
    else if (event.e === "orderExpired") this.expired(event);
    else if (event.e === "triggerFailed") this.toasts.show("bad", "Stop order failed", `Order ${event.i}: ${reason(event.R)}`);
  };

  private count(fill: Fill, isDone: boolean): void {
    const tally = this.tallies.get(fill.orderId) ?? { fill, quantity: 0n, notional: 0n, isDone: false };
    tally.quantity += fill.quantity;
    tally.notional += fill.quantity * fill.price;
    tally.isDone ||= isDone;
    this.tallies.set(fill.orderId, tally);
    frames.request(this.tell);
  }

  private readonly tell = (): void => {
    for (const { fill, quantity, notional, isDone } of this.tallies.values()) {
      const market = this.market(fill.symbol);
      if (!market) continue;
      const verb = fill.side === "Bid" ? "Bought" : "Sold";
      const average = fixed(notional / quantity, market.priceDecimals);
      const amount = trimmed(quantity, 0, market.quantityDecimals);
      this.toasts.show("good", isDone ? "Order filled" : "Order partly filled", `${verb} ${amount} ${market.base} at ${average} ${market.quote}`);
    }
    this.tallies.clear();
  };

  private expired(event: OrderEvent): void {
    const market = this.market(event.s);
    const title = parse(event.z) > 0n ? "Rest of the order expired" : "Order expired";
    this.toasts.show("bad", title, `${market ? `${market.base}/${market.quote}: ` : ""}${reason(event.R)}`);
  }
}
