/** Orders that have ended, newest first: read when somebody looks, and again whenever an open one ends. */
import type { PrivateApi } from "../../api/private";
import type { WireHistoryOrder } from "../../api/types";
import { parseUtc } from "../../decimal/time";
import type { Account } from "./account";
import { Followed } from "./followed";
import { fromWire, isOpen, type Order } from "./orders";
import { newest, type Newest } from "./pages";

export interface EndedOrder extends Order {
  /** Why it expired, if it did, as the exchange names it. */
  expiryReason: string | null;
}

function fromHistory(wire: WireHistoryOrder): EndedOrder {
  return { ...fromWire({ ...wire, createdAt: parseUtc(wire.createdAt) }), expiryReason: wire.expiryReason ?? null };
}

export function orderHistory(api: PrivateApi, account: Account): Followed<EndedOrder> {
  const read = async (wanted: number): Promise<Newest<EndedOrder>> => {
    const { rows, isAll } = await newest((page) => api.ordersPage(page), ({ id }) => id, wanted);
    return { rows: rows.map(fromHistory).filter((order) => !isOpen(order.status)), isAll };
  };
  return new Followed(read, account.orders.subscribe);
}
