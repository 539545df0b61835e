/** Orders that have ended, newest first, with what came of them. */
import { useEffect, type ReactElement } from "react";
import { averagePrice } from "../model/orders";
import { reason } from "../model/announcer";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Filled, Price, Quantity, Total, What } from "./OrderCells";
import { isAmong, type Only } from "./only";
import "../ui/table.css";
import "./orders.css";

export function History({ onlySymbol, onlySide = null }: Only): ReactElement {
  const venue = useVenue();
  const orders = useStore(venue.history.value);
  const problem = useStore(venue.history.problem);
  const tickers = useStore(venue.tickers);
  useEffect(() => venue.history.follow(), [venue]);
  const shown = orders?.filter((order) => isAmong(order, onlySymbol, onlySide)) ?? [];
  if (shown.length === 0) {
    if (problem !== null) return <p className="nothing">Earlier orders are not available: {problem}</p>;
    return <p className="nothing">{orders === null ? "Loading earlier orders…" : "No earlier orders"}</p>;
  }
  return (
    <table className="grid orders" aria-label="Order history">
      <thead>
        <tr>
          <th scope="col">Date</th>
          <th scope="col">Market</th>
          <th scope="col">Side</th>
          <th scope="col">Type</th>
          <th scope="col" className="number">Price</th>
          <th scope="col" className="number">Trigger</th>
          <th scope="col" className="number">Average</th>
          <th scope="col" className="number">Amount</th>
          <th scope="col" className="number">Filled</th>
          <th scope="col" className="number">Total</th>
          <th scope="col">Status</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((order) => {
          const market = venue.market(order.symbol);
          const why = order.expiryReason === null ? undefined : reason(order.expiryReason);
          return (
            <tr key={order.id}>
              <What order={order} last={tickers.get(order.symbol)?.last ?? null} />
              <Price label="Price" value={order.price} market={market} />
              <Price label="Trigger" value={order.triggerPrice} market={market} />
              <Price label="Average" value={averagePrice(order)} market={market} />
              <Quantity order={order} market={market} />
              <Filled order={order} market={market} />
              <Total order={order} market={market} />
              <td data-label="Status" title={why}>
                {order.status}
                {why && <span className="hidden">: {why}</span>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
