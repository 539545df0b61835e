/** Orders that have ended, newest first, with what came of them. */
import { useEffect, type ReactElement } from "react";
import { reason } from "../model/announcer";
import type { EndedOrder } from "../model/trader/orderHistory";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { COMMON, type Column } from "./columns";
import { Cells, RecordsTable } from "./RecordsTable";
import { isAmong, type Only } from "../ticket/only";

const STATUS: Column<EndedOrder> = {
  name: "Status",
  content: ({ status, expiryReason }) => {
    const why = expiryReason === null ? undefined : reason(expiryReason);
    return (
      <span title={why}>
        {status}
        {why && <span className="hidden">: {why}</span>}
      </span>
    );
  },
};

const COLUMNS: readonly Column<EndedOrder>[] = [...COMMON, STATUS];

export function History({ onlySymbol, onlySide = null }: Only): ReactElement {
  const venue = useVenue();
  const orders = useStore(venue.history.value);
  const problem = useStore(venue.history.problem);
  useEffect(() => venue.history.follow(), [venue]);
  const shown = orders?.filter((order) => isAmong(order, onlySymbol, onlySide)) ?? [];
  if (shown.length === 0) {
    if (problem !== null) return <p className="nothing">Earlier orders are not available: {problem}</p>;
    return <p className="nothing">{orders === null ? "Loading earlier orders…" : "No earlier orders"}</p>;
  }
  return (
    <RecordsTable label="Order history" kind="ended" columns={COLUMNS}>
      {shown.map((order) => (
        <tr key={order.id}>
          <Cells row={order} columns={COLUMNS} />
        </tr>
      ))}
    </RecordsTable>
  );
}
