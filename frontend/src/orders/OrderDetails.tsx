/** All that is known of an open order, also what its row has no room for. */
import type { ReactElement, ReactNode } from "react";
import { trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import { isResting, percentFilled, type Order } from "../model/trader/orders";
import { useStore } from "../reactive/useStore";
import { BEFORE } from "../ticket/Before";
import { describe } from "../ticket/words";
import { Dialog } from "../ui/Dialog";
import { useVenue } from "../ui/useVenue";
import { COMMON, type Known } from "./columns";
import styles from "./orders.module.css";

export function OrderDetails({ order, close }: { order: Order; close: () => void }): ReactElement {
  const venue = useVenue();
  const market = venue.market(order.symbol);
  const known: Known = { market, last: useStore(venue.tickers).get(order.symbol)?.last ?? null };
  const exact = (lots: bigint): string => `${trimmed(lots, 0, market?.quantityDecimals ?? 8)} ${market?.base ?? ""}`;
  const facts: [string, ReactNode][] = [
    ...[...COMMON, BEFORE].map(({ name, content }): [string, ReactNode] => [name, content(order, known)]),
    ["Shown in the book", isResting(order) ? (order.display === null ? "all of it" : `${exact(order.display)} at a time`) : "nothing yet"],
    ["Time in force", order.timeInForce],
    ["Post-only", order.postOnly ? "yes" : "no"],
    ["Order", order.id],
  ];
  const exactly: Readonly<Record<string, ReactNode>> = {
    Date: moment(order.createdMs, 0),
    Amount: order.quoteQuantity ? undefined : exact(order.quantity),
    Filled: `${exact(order.executed)}, ${percentFilled(order)}%`,
  };
  return (
    <Dialog title={`Open order: ${describe(order, market)}`} close={close}>
      <dl className={styles["details"]}>
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{exactly[name] ?? value}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
