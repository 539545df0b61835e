/** Orders that have ended, newest first, with what came of them. */
import { useEffect, type ReactElement } from "react";
import { reason } from "../model/announcer";
import type { EndedOrder } from "../model/trader/orderHistory";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { COMMON, type Column } from "./columns";
import { Older } from "./Older";
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
  const known = useStore(venue.history.value);
  const problem = useStore(venue.history.problem);
  useEffect(() => venue.history.follow(), [venue]);
  const shown = known?.rows.filter((order) => isAmong(order, onlySymbol, onlySide)) ?? [];
  const none = known === null ? "Loading earlier orders…" : known.isAll ? "No earlier orders" : "None among the newest orders";
  return (
    <>
      {shown.length === 0 && <p className="nothing">{problem === null ? none : `Earlier orders are not available: ${problem}`}</p>}
      {shown.length > 0 && (
        <RecordsTable label="Order history" kind="ended" columns={COLUMNS}>
          {shown.map((order) => (
            <tr key={order.id}>
              <Cells row={order} columns={COLUMNS} />
            </tr>
          ))}
        </RecordsTable>
      )}
      {known?.isAll === false && <Older of="orders" sinceMs={known.rows.at(-1)?.createdMs} load={() => venue.history.older()} />}
    </>
  );
}
