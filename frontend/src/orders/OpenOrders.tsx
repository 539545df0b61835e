/** Open orders with their progress; each can be amended in its row, and cancelled. */
import { useState, type ReactElement } from "react";
import type { Order } from "../model/trader/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { AmendRow } from "./AmendRow";
import { whyNotAmendable } from "./amend";
import { BEFORE } from "../ticket/Before";
import { COMMON, type Column } from "./columns";
import { Cells, RecordsTable } from "./RecordsTable";
import { RowMenu } from "./RowMenu";
import { isAmong, type Only } from "../ticket/only";
import { describe, pairOf } from "../ticket/words";

const OPEN: readonly Column<Order>[] = [...COMMON, BEFORE];

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
    <RecordsTable label="Open orders" columns={OPEN} hasActions>
      {shown.map((order) =>
        order.id === amended ? (
          <AmendRow key={order.id} order={order} columns={OPEN} close={() => setAmended(null)} />
        ) : (
          <OrderRow key={order.id} order={order} amend={() => setAmended(order.id)} />
        ),
      )}
    </RecordsTable>
  );
}

function OrderRow({ order, amend }: { order: Order; amend: () => void }): ReactElement {
  const venue = useVenue();
  const [isBusy, setBusy] = useState(false);
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
      <Cells row={order} columns={OPEN} />
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
