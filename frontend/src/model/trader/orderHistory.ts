/** Orders that have ended, newest first: read when somebody looks, and again whenever an open one ends. */
import type { PrivateApi } from "../../api/private";
import type { WireHistoryOrder } from "../../api/types";
import { parseUtc } from "../../decimal/time";
import type { Account } from "./account";
import { Followed } from "./followed";
import { fromWire, isOpen, type Order } from "./orders";

export interface EndedOrder extends Order {
  /** Why it expired, if it did, as the exchange names it. */
  expiryReason: string | null;
}

const MOST = 100;

export function fromHistory(wire: WireHistoryOrder): EndedOrder {
  return { ...fromWire({ ...wire, createdAt: parseUtc(wire.createdAt) }), expiryReason: wire.expiryReason ?? null };
}

export function orderHistory(api: PrivateApi, account: Account): Followed<readonly EndedOrder[]> {
  const read = async (): Promise<readonly EndedOrder[]> => {
    const orders = await api.orderHistory(MOST);
    return orders.map(fromHistory).filter((order) => !isOpen(order.status));
  };
  return new Followed(read, account.orders.subscribe);
}
