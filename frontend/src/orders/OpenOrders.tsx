/** Open orders with their progress; each can be amended in its row, and cancelled. */
import { useState, type ReactElement } from "react";
import type { Order } from "../model/trader/orders";
import { useStore } from "../reactive/useStore";
import { copy } from "../ui/copy";
import { useVenue } from "../ui/useVenue";
import { AmendRow } from "./AmendRow";
import { whyNotAmendable } from "./amend";
import { BEFORE } from "../ticket/Before";
import { COMMON, type Column } from "./columns";
import { Cells, RecordsTable } from "./RecordsTable";
import { RowMenu } from "./RowMenu";
import { useKeptFocus } from "./useKeptFocus";
import { isAmong, type Only } from "../ticket/only";
import { describe, pairOf } from "../ticket/words";
import { OrderDetails } from "./OrderDetails";

/** What narrow panels have no room for where no order has it. */
const RARE: Readonly<Record<string, (order: Order) => boolean>> = {
  Trigger: ({ triggerPrice }) => triggerPrice !== null,
  Average: ({ executed }) => executed > 0n,
};

export function OpenOrders({ onlySymbol, onlySide = null }: Only): ReactElement {
  const { account, queues, session: holder } = useVenue();
  const session = useStore(holder.store);
  const orders = useStore(account.orders);
  const isCurrent = useStore(account.isCurrent);
  const places = useStore(queues.places);
  const [amended, setAmended] = useState<string | null>(null);
  const shown = [...orders.values()]
    .filter((order) => isAmong(order, onlySymbol, onlySide))
    .toSorted((a, b) => b.createdMs - a.createdMs);
  const focus = useKeptFocus(shown.map(({ id }) => id));
  const amend = (id: string): void => {
    focus.watch(id);
    setAmended(id);
  };
  const close = (id: string): void => {
    focus.giveBack(id);
    setAmended(null);
  };
  const common = COMMON.filter(({ name }) => shown.some(RARE[name] ?? (() => true)));
  const columns = shown.some(({ id }) => places.has(id)) ? [...common, BEFORE] : common;
  if (shown.length === 0) return <p className="nothing">{isCurrent ? "No open orders" : session.kind === "none" ? session.reason : "Waiting for the account…"}</p>;
  return (
    <RecordsTable label="Open orders" kind="open" columns={columns}>
      {shown.map((order) =>
        order.id === amended ? (
          <AmendRow key={order.id} order={order} columns={columns} close={() => close(order.id)} />
        ) : (
          <OrderRow key={order.id} order={order} columns={columns} amend={() => amend(order.id)} leave={() => focus.watch(order.id)} />
        ),
      )}
    </RecordsTable>
  );
}

interface OrderRowProps {
  order: Order;
  columns: readonly Column<Order>[];
  amend: () => void;
  /** Before it is cancelled. */
  leave: () => void;
}

function OrderRow({ order, columns, amend, leave }: OrderRowProps): ReactElement {
  const venue = useVenue();
  const [isBusy, setBusy] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const market = venue.market(order.symbol);
  const cancel = async (): Promise<void> => {
    if (isBusy) return;
    leave();
    setBusy(true);
    await venue.trading.cancel(order);
    setBusy(false);
  };
  // Ids tell apart what is alike in all else; of a name that is read out they come last.
  const name = `${describe(order, market)}, ${pairOf(order.symbol)}, order ${order.id}`;
  return (
    <tr data-order={order.id}>
      <Cells row={order} columns={columns} />
      <td className="action">
        <button type="button" className="small" aria-disabled={isBusy} aria-label={`Cancel ${name}`} onClick={() => void cancel()}>
          Cancel
        </button>
        <RowMenu
          name={`More for ${name}`}
          choices={[
            { name: "Amend", act: amend, whyNot: whyNotAmendable(order) ?? undefined },
            { name: "Cancel", act: () => void cancel() },
            { name: "Details", act: () => setOpen(true) },
            { name: "Copy order id", act: () => void copy(order.id) },
          ]}
        />
        {isOpen && <OrderDetails order={order} close={() => setOpen(false)} />}
      </td>
    </tr>
  );
}
