/** Open orders with their progress, each with its cancel button. */
import { useState, type ReactElement } from "react";
import { ratio } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import type { Order } from "../model/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";

function kindOf(order: Order): string {
  if (order.status === "TriggerPending") return `Stop ${order.type.toLowerCase()}`;
  if (order.postOnly) return "Post-only";
  return order.timeInForce === "GTC" ? order.type : `${order.type} ${order.timeInForce}`;
}

export function OpenOrders({ onlySymbol }: { onlySymbol: string | null }): ReactElement {
  const { account } = useVenue();
  const orders = useStore(account.orders);
  const isCurrent = useStore(account.isCurrent);
  const shown = [...orders.values()]
    .filter((order) => onlySymbol === null || order.symbol === onlySymbol)
    .toSorted((a, b) => b.createdMs - a.createdMs);
  if (shown.length === 0) return <p className="nothing">{isCurrent ? "No open orders" : "Waiting for the account…"}</p>;
  return (
    <table className="grid orders" aria-label="Open orders">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Market</th>
          <th scope="col">Side</th>
          <th scope="col">Type</th>
          <th scope="col" className="number">Price</th>
          <th scope="col" className="number">Amount</th>
          <th scope="col" className="number">Filled</th>
          <th scope="col" className="action">
            <span className="hidden">Cancel</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {shown.map((order) => (
          <OrderRow key={order.id} order={order} />
        ))}
      </tbody>
    </table>
  );
}

function OrderRow({ order }: { order: Order }): ReactElement {
  const venue = useVenue();
  const [isBusy, setBusy] = useState(false);
  const rules = venue.market(order.symbol);
  const isBuy = order.side === "Bid";
  const cancel = async (): Promise<void> => {
    setBusy(true);
    await venue.trading.cancel(order);
    setBusy(false);
  };
  const price = order.price ?? order.triggerPrice;
  return (
    <tr data-order={order.id}>
      <td data-label="Time">{moment(order.createdMs)}</td>
      <td data-label="Market">{order.symbol.replace("_", "/")}</td>
      <td data-label="Side" className={isBuy ? "up" : "down"}>{isBuy ? "Buy" : "Sell"}</td>
      <td data-label="Type">{kindOf(order)}</td>
      <td data-label="Price" className="number">{price === null ? NONE : fixed(price, rules?.priceDecimals ?? 2)}</td>
      <td data-label="Amount" className="number">{trimmed(order.quantity, 0, rules?.quantityDecimals ?? 8)}</td>
      <td data-label="Filled" className="number">
        {trimmed(order.executed, 0, rules?.quantityDecimals ?? 8)}
        <small> {Math.floor(ratio(order.executed, order.quantity) * 100)}%</small>
      </td>
      <td className="action">
        <button
          type="button"
          className="small"
          disabled={isBusy}
          aria-label={`Cancel ${isBuy ? "buy" : "sell"} order of ${order.symbol.replace("_", "/")}`}
          onClick={() => void cancel()}
        >
          Cancel
        </button>
      </td>
    </tr>
  );
}
