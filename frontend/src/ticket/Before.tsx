/** An order's place in the queue at its price, from the feed of single orders: known for the market on the screen. */
import type { ReactElement } from "react";
import { NONE } from "../decimal/format";
import type { Order } from "../model/trader/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Amount } from "../ui/Amount";
import { inLots, type Column, type Known } from "../orders/columns";

export const BEFORE: Column<Order> = {
  name: "Before it",
  title: "What trades before it, at its price",
  isNumber: true,
  content: (order, known) => <Before order={order} known={known} />,
};

function Before({ order, known }: { order: Order; known: Known }): ReactElement {
  const place = useStore(useVenue().queues.places).get(order.id);
  if (!place) return <>{NONE}</>;
  const orders = place.before === 1 ? "1 order" : `${place.before} orders`;
  const quantity = inLots(place.quantity, known);
  return (
    <span title={`${orders} with ${quantity} ${known.market?.base ?? ""} trade before this one`}>
      {place.before === 0 ? "first" : <Amount value={place.quantity} exact={quantity} />}
      {place.before > 0 && <small> {orders}</small>}
    </span>
  );
}
