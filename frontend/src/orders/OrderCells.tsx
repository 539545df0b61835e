/** The cells that open and ended orders have in common. */
import type { ReactElement } from "react";
import { ratio } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import type { Market } from "../model/markets";
import { worth, type Order } from "../model/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Amount } from "./Amount";
import { kindOf, pairOf, sideWord } from "./words";

export function What({ order, last }: { order: Order; last: bigint | null }): ReactElement {
  return (
    <>
      <td data-label="Date">{moment(order.createdMs)}</td>
      <td data-label="Market">{pairOf(order.symbol)}</td>
      <td data-label="Side" className={order.side === "Bid" ? "up" : "down"}>{sideWord(order.side)}</td>
      <td data-label="Type">{kindOf(order, last)}</td>
    </>
  );
}

export function Price({ label, value, market }: { label: string; value: bigint | null; market: Market | undefined }): ReactElement {
  return (
    <td data-label={label} className="number">
      {value === null ? NONE : fixed(value, market?.priceDecimals ?? 2)}
    </td>
  );
}

export function Total({ order, market }: { order: Order; market: Market | undefined }): ReactElement {
  const value = worth(order);
  return (
    <td data-label="Total" className="number">
      {value === null ? NONE : <Amount value={value} exact={trimmed(value, 2, 8)} unit={market?.quote ?? ""} />}
    </td>
  );
}

export function Quantity({ order, market }: { order: Order; market: Market | undefined }): ReactElement {
  return (
    <td data-label="Amount" className="number">
      <Amount value={order.quantity} exact={trimmed(order.quantity, 0, market?.quantityDecimals ?? 8)} />
    </td>
  );
}

export function Filled({ order, market }: { order: Order; market: Market | undefined }): ReactElement {
  const percent = Math.floor(ratio(order.executed, order.quantity) * 100);
  return (
    <td data-label="Filled" className="number filled">
      <meter min={0} max={100} value={percent} aria-hidden="true" />
      <Amount value={order.executed} exact={trimmed(order.executed, 0, market?.quantityDecimals ?? 8)} />
      <small> {percent}%</small>
    </td>
  );
}

/** Its place in the queue at its price, from the feed of single orders: known for the market on the screen. */
export function Before({ order, market }: { order: Order; market: Market | undefined }): ReactElement {
  const place = useStore(useVenue().queues.places).get(order.id);
  if (!place) {
    return (
      <td data-label="Before it" className="number">
        {NONE}
      </td>
    );
  }
  const orders = place.before === 1 ? "1 order" : `${place.before} orders`;
  const quantity = trimmed(place.quantity, 0, market?.quantityDecimals ?? 8);
  return (
    <td data-label="Before it" className="number" title={`${orders} with ${quantity} ${market?.base ?? ""} trade before this one`}>
      {place.before === 0 ? "first" : <Amount value={place.quantity} exact={quantity} />}
      {place.before > 0 && <small> {orders}</small>}
    </td>
  );
}
