/** Open orders with their progress; each can be amended in its row, and cancelled. */
import { useState, type ReactElement } from "react";
import { averagePrice, type Order } from "../model/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { AmendRow } from "./AmendRow";
import { whyNotAmendable } from "./amend";
import { Before, Filled, Price, Quantity, Total, What } from "./OrderCells";
import { RowMenu } from "./RowMenu";
import { isAmong, type Only } from "./only";
import { describe, pairOf } from "./words";
import "../ui/table.css";
import "./orders.css";

export function OpenOrders({ onlySymbol, onlySide = null }: Only): ReactElement {
  const { account, session: holder } = useVenue();
  const session = useStore(holder.store);
  const orders = useStore(account.orders);
  const isCurrent = useStore(account.isCurrent);
  const [amended, setAmended] = useState<string | null>(null);
  const shown = [...orders.values()]
    .filter((order) => isAmong(order, onlySymbol, onlySide))
    .toSorted((a, b) => b.createdMs - a.createdMs);
  if (shown.length === 0) return <p className="nothing">{isCurrent ? "No open orders" : session.kind === "none" ? session.reason : "Waiting for the account…"}</p>;
  return (
    <table className="grid orders" aria-label="Open orders">
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
          <th scope="col" className="number" title="What trades before it, at its price">Before it</th>
          <th scope="col" className="action">
            <span className="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {shown.map((order) =>
          order.id === amended ? (
            <AmendRow key={order.id} order={order} close={() => setAmended(null)} />
          ) : (
            <OrderRow key={order.id} order={order} amend={() => setAmended(order.id)} />
          ),
        )}
      </tbody>
    </table>
  );
}

function OrderRow({ order, amend }: { order: Order; amend: () => void }): ReactElement {
  const venue = useVenue();
  const [isBusy, setBusy] = useState(false);
  const last = useStore(venue.tickers).get(order.symbol)?.last ?? null;
  const market = venue.market(order.symbol);
  const cancel = async (): Promise<void> => {
    setBusy(true);
    await venue.trading.cancel(order);
    setBusy(false);
  };
  // Ids tell apart what is alike in all else; of a name that is read out they come last.
  const name = `${describe(order, market)}, ${pairOf(order.symbol)}, order ${order.id}`;
  return (
    <tr data-order={order.id}>
      <What order={order} last={last} />
      <Price label="Price" value={order.price} market={market} />
      <Price label="Trigger" value={order.triggerPrice} market={market} />
      <Price label="Average" value={averagePrice(order)} market={market} />
      <Quantity order={order} market={market} />
      <Filled order={order} market={market} />
      <Total order={order} market={market} />
      <Before order={order} market={market} />
      <td className="action">
        <button type="button" className="small" disabled={isBusy} aria-label={`Cancel ${name}`} onClick={() => void cancel()}>
          Cancel
        </button>
        <RowMenu
          name={`More for ${name}`}
          choices={[
            { name: "Amend", act: amend, whyNot: whyNotAmendable(order) ?? undefined },
            { name: "Cancel", act: () => void cancel() },
            { name: "Copy order id", act: () => void navigator.clipboard.writeText(order.id) },
          ]}
        />
      </td>
    </tr>
  );
}
