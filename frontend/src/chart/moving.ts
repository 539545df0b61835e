/** What dragging an order's line asks, and does once it is meant. */
import { toText } from "../decimal/decimal";
import { fixed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { Venue } from "../model/venue";
import type { OrderLine } from "./orderLines";

/** Whether the orders of the line are at the price now. */
export async function moveOrders(venue: Venue, market: Market, line: OrderLine, price: bigint): Promise<boolean> {
  const text = (value: bigint): string => `${fixed(value, market.priceDecimals)} ${market.quote}`;
  const { bid, ask } = venue.book.touch.get();
  const isThrough = line.side === "Bid" ? ask !== null && price >= ask : bid !== null && price <= bid;
  const many = line.orders.length > 1 ? `${line.orders.length} orders` : "order";
  const isMeant = await venue.questions.ask({
    title: `Move ${many}: ${line.title.toLowerCase()} ${market.base}?`,
    lines: [
      `From ${text(line.price)} to ${text(price)}, to the end of the queue there.`,
      ...(isThrough ? ["The other side is there already: it would trade at once."] : []),
    ],
    action: "Move",
    of: isThrough ? ["move", "through"] : ["move"],
  });
  return isMeant && venue.trading.amend(line.orders, { price: toText(price) });
}
