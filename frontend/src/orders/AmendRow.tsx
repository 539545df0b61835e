/** An open order's row while its price and amount are changed in place. */
import { useState, type FormEvent, type ReactElement } from "react";
import { toTyped } from "../decimal/typed";
import { averagePrice, type Order } from "../model/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { amend } from "./amend";
import { Before, Filled, Price, Total, What } from "./OrderCells";
import { describe } from "./words";

export function AmendRow({ order, close }: { order: Order; close: () => void }): ReactElement | null {
  const venue = useVenue();
  const market = venue.market(order.symbol);
  const last = useStore(venue.tickers).get(order.symbol)?.last ?? null;
  const [typed, setTyped] = useState({ price: toTyped(order.price ?? 0n), quantity: toTyped(order.quantity) });
  const [isBusy, setBusy] = useState(false);
  if (!market) return null;
  const { problem, change, keepsPlace } = amend(order, typed, market);
  const form = `amend-${order.id}`;
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (isBusy || problem !== null) return;
    if (change === null) return close();
    setBusy(true);
    if (await venue.trading.amend([order], change)) close();
    else setBusy(false);
  };
  const field = (name: "price" | "quantity", label: string): ReactElement => (
    <td data-label={label} className="number">
      <input
        form={form}
        inputMode="decimal"
        aria-label={`New ${label.toLowerCase()}`}
        aria-invalid={problem !== null}
        aria-describedby={`${form}-says`}
        value={typed[name]}
        autoFocus={name === "price"} // eslint-disable-line jsx-a11y/no-autofocus -- it was asked for by the row's menu
        onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
      />
    </td>
  );
  return (
    <tr data-order={order.id} className="amending" onKeyDown={(event) => event.key === "Escape" && close()}>
      <What order={order} last={last} />
      {field("price", "Price")}
      <Price label="Trigger" value={order.triggerPrice} market={market} />
      <Price label="Average" value={averagePrice(order)} market={market} />
      {field("quantity", "Amount")}
      <Filled order={order} market={market} />
      <Total order={order} market={market} />
      <Before order={order} market={market} />
      <td className="action">
        <form id={form} onSubmit={(event) => void send(event)} aria-label={`Amend ${describe(order, market)}`}>
          <span id={`${form}-says`} role="status" className={problem ? "problem" : "hint"}>
            {problem ?? (change === null ? "" : keepsPlace ? "Keeps its place in the queue" : "Goes to the end of the queue")}
          </span>
          <button type="submit" className="small" disabled={isBusy || problem !== null}>
            Save
          </button>
          <button type="button" className="small" onClick={close}>
            Back
          </button>
        </form>
      </td>
    </tr>
  );
}
