/** Order events as messages for people. Fills of one order share one message that grows. */
import { divide, parse } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import type { OrderEvent } from "../feed/events";
import { frames } from "../reactive/frames";
import { pair, type Market } from "./market/markets";
import type { Toasts } from "./toasts";

const REASONS: Record<string, string> = {
  FillOrKill: "it could not be filled completely at once",
  ImmediateOrCancel: "the rest could not be filled at once",
  InsufficientFunds: "there were not enough funds",
  InsufficientLiquidity: "nobody was there to trade with",
  PostOnlyTaker: "it would have traded at once",
  PriceOutOfBounds: "the price was outside the market's band",
  PriceImpact: "it would have moved the price too far",
  SelfTradePrevention: "it would have traded with an order of your own",
  EventLimit: "it would have met more orders than one request may",
  PriceLevelsFull: "the exchange has no room for another price",
  MarketClosed: "the market was closed",
  CancelOnlyMode: "the market took no new orders",
  LimitOnlyMode: "the market took limit orders only",
  PostOnlyMode: "the market took orders only that rest",
  AccountTradingSuspended: "trading of this account is suspended",
};

export function reason(code: string | null | undefined): string {
  if (!code) return "the exchange gave no reason";
  return REASONS[code] ?? code;
}

export class Announcer {
  private readonly filled = new Map<string, OrderEvent>();

  constructor(
    private readonly toasts: Toasts,
    private readonly market: (symbol: string) => Market | undefined,
  ) {}

  readonly onOrder = (event: OrderEvent): void => {
    if (event.e === "orderFill") {
      this.filled.set(event.i, event);
      frames.request(this.announce);
    } else if (event.e === "orderExpired") this.expired(event);
    else if (event.e === "triggerFailed") this.toasts.show("bad", "Stop order failed", reason(event.R));
  };

  private readonly announce = (): void => {
    for (const event of this.filled.values()) {
      const market = this.market(event.s);
      const executed = parse(event.z);
      if (!market || executed === 0n) continue;
      const verb = event.S === "Bid" ? "Bought" : "Sold";
      const amount = (value: bigint): string => trimmed(value, 0, market.quantityDecimals);
      const isDone = event.X === "Filled";
      const of = isDone || !event.q ? "" : ` of ${amount(parse(event.q))}`;
      const average = fixed(divide(parse(event.Z), executed), market.priceDecimals);
      const text = `${verb} ${amount(executed)}${of} ${market.base} at ${average} ${market.quote}`;
      this.toasts.show("good", isDone ? "Order filled" : "Order partly filled", text, `fills of ${event.i}`);
    }
    this.filled.clear();
  };

  private expired(event: OrderEvent): void {
    const market = this.market(event.s);
    const title = parse(event.z) > 0n ? "Rest of the order expired" : "Order expired";
    this.toasts.show("bad", title, `${market ? `${pair(market)}: ` : ""}${reason(event.R)}`);
  }
}
