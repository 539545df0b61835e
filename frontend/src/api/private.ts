/** Requests of an account. */
import { ApiError, type Answer } from "./http";
import type { SessionHolder } from "./session";
import type { Amendment, NewOrder, WireAccount, WireBalances, WireDeposit, WireFill, WireHistoryOrder, WireOrder, WireWithdrawal } from "./types";

export interface HistoryPage {
  symbol?: string | undefined;
  limit: number;
  offset: number;
}

export class PrivateApi {
  constructor(private readonly session: SessionHolder) {}

  account(): Promise<WireAccount> {
    return this.session.get("/api/v1/account");
  }

  balances(): Promise<WireBalances> {
    return this.session.get("/api/v1/capital");
  }

  openOrders(): Promise<WireOrder[]> {
    return this.session.get("/api/v1/orders");
  }

  /** One page of the whole history, newest first. */
  fillsPage(page: HistoryPage): Promise<WireFill[]> {
    return this.session.get("/wapi/v1/history/fills", { ...page });
  }

  ordersPage(page: HistoryPage): Promise<WireHistoryOrder[]> {
    return this.session.get("/wapi/v1/history/orders", { ...page });
  }

  deposits(page: HistoryPage): Promise<WireDeposit[]> {
    return this.session.get("/wapi/v1/capital/deposits", { ...page });
  }

  withdrawals(page: HistoryPage): Promise<WireWithdrawal[]> {
    return this.session.get("/wapi/v1/capital/withdrawals", { ...page });
  }

  depositAddress(): Promise<{ address: string }> {
    return this.session.get("/wapi/v1/capital/deposit/address", { blockchain: "Internal" });
  }

  /**
   * A lost response is retried once: the client id makes the exchange return the first order instead of
   * placing a second one.
   */
  async place(order: NewOrder): Promise<Answer<WireOrder>> {
    try {
      return await this.session.send<WireOrder>("POST", "/api/v1/order", order);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.outcomeUnknown) throw error;
      return this.session.send<WireOrder>("POST", "/api/v1/order", order);
    }
  }

  amend(symbol: string, orderId: string, change: Amendment): Promise<Answer<WireOrder>> {
    return this.session.send("PATCH", "/api/v1/order", { symbol, orderId, ...change });
  }

  cancel(symbol: string, orderId: string): Promise<Answer<WireOrder>> {
    return this.session.send("DELETE", "/api/v1/order", { symbol, orderId });
  }

  /** At most 100; of one that is not open any more, the answer has a code. */
  cancelEach(symbol: string, orderIds: readonly string[]): Promise<Answer<(WireOrder | { code: string })[]>> {
    return this.session.send("POST", "/api/v1/orders/cancel", { symbol, orderIds });
  }

  cancelAll(symbol: string): Promise<Answer<WireOrder[]>> {
    return this.session.send("DELETE", "/api/v1/orders", { symbol });
  }
}

/** Client ids are unsigned 32-bit; random ones do not collide within what the exchange remembers. */
export function newClientId(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
