/** Cancels the open orders that are listed: all, or those of a market or a side. */
import type { ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { isAmong, type Only } from "../ticket/only";
import { useVenue } from "../ui/useVenue";

export function CancelAll({ onlySymbol, onlySide = null }: Only): ReactElement {
  const { account, trading } = useVenue();
  const orders = [...useStore(account.orders).values()].filter((order) => isAmong(order, onlySymbol, onlySide));
  return (
    <button type="button" className="small" disabled={orders.length === 0} onClick={() => void trading.cancelAll(orders, onlySide)}>
      Cancel all
    </button>
  );
}
