/** An open order's row while its price and amount are changed in place; what the change means is said in a row below it. */
import { useState, type FormEvent, type ReactElement } from "react";
import { toTyped } from "../decimal/typed";
import type { Order } from "../model/trader/orders";
import { useVenue } from "../ui/useVenue";
import { amend, type Amended } from "./amend";
import type { Column } from "./columns";
import { Cells } from "./RecordsTable";
import { describe } from "../ticket/words";
import styles from "./orders.module.css";

interface AmendRowProps {
  order: Order;
  columns: readonly Column<Order>[];
  close: () => void;
}

function meaning({ problem, change, keepsPlace }: Amended): string {
  if (problem !== null) return problem;
  if (change === null) return "Less at the same price keeps the order's place in the queue";
  return keepsPlace ? "Keeps its place in the queue" : "Goes to the end of the queue";
}

export function AmendRow({ order, columns, close }: AmendRowProps): ReactElement | null {
  const venue = useVenue();
  const market = venue.market(order.symbol);
  const [typed, setTyped] = useState({ price: toTyped(order.price ?? 0n), quantity: toTyped(order.quantity) });
  const [isBusy, setBusy] = useState(false);
  if (!market) return null;
  const amended = amend(order, typed, market);
  const { problem, change } = amended;
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
    <input
      form={form}
      inputMode="decimal"
      aria-label={label}
      aria-invalid={problem !== null}
      aria-describedby={`${form}-says`}
      value={typed[name]}
      autoFocus={name === "price"} // eslint-disable-line jsx-a11y/no-autofocus -- it was asked for by the row's menu
      onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
      onKeyDown={(event) => event.key === "Escape" && close()}
    />
  );
  return (
    <>
      <tr data-order={order.id}>
        <Cells row={order} columns={columns} over={{ Price: field("price", "New price"), Amount: field("quantity", "New amount") }} />
        <td className="action">
          <button type="submit" form={form} className="small" aria-disabled={isBusy} disabled={problem !== null}>
            Save
          </button>
          <button type="button" className="small" onClick={close}>
            Back
          </button>
        </td>
      </tr>
      <tr className={styles["says"]}>
        <td colSpan={columns.length + 1}>
          <form id={form} onSubmit={(event) => void send(event)} aria-label={`Amend ${describe(order, market)}`}>
            <p id={`${form}-says`} role="status" aria-label="What the change means" className={problem ? "problem" : styles["hint"]}>
              {meaning(amended)}
            </p>
          </form>
        </td>
      </tr>
    </>
  );
}
