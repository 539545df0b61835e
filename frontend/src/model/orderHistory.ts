/** Orders that have ended, newest first: read when somebody looks, and again whenever an open one ends. */
import { ApiError } from "../api/http";
import type { PrivateApi } from "../api/private";
import type { WireHistoryOrder } from "../api/types";
import { parseUtc } from "../decimal/time";
import { Store } from "../reactive/store";
import type { Account } from "./account";
import { fromWire, isOpen, type Order } from "./orders";

export interface EndedOrder extends Order {
  /** Why it expired, if it did, as the exchange names it. */
  expiryReason: string | null;
}

const MOST = 100;
const RETRY_MS = 2_000;

export function fromHistory(wire: WireHistoryOrder): EndedOrder {
  return { ...fromWire({ ...wire, createdAt: parseUtc(wire.createdAt) }), expiryReason: wire.expiryReason ?? null };
}

export class OrderHistory {
  /** Null until the first answer. */
  readonly orders = new Store<readonly EndedOrder[] | null>(null);
  readonly problem = new Store<string | null>(null);
  private readers = 0;
  private reading: Promise<void> | null = null;
  private isOutdated = false;
  private epoch = 0;

  constructor(
    private readonly api: PrivateApi,
    private readonly account: Account,
  ) {}

  /** Keeps it up to date until the returned function is called. */
  follow(): () => void {
    this.readers += 1;
    const stop = this.account.orders.subscribe(() => this.read());
    this.read();
    return () => {
      this.readers -= 1;
      stop();
    };
  }

  /** The session ended or belongs to another account: nothing of the old one may stay, nor arrive late. */
  clear(): void {
    this.epoch += 1;
    this.orders.set(null);
    this.problem.set(null);
  }

  /** One request at a time: what changes meanwhile is read after it. */
  private read(): void {
    this.isOutdated = true;
    this.reading ??= this.readAll().finally(() => {
      this.reading = null;
    });
  }

  private async readAll(): Promise<void> {
    while (this.isOutdated && this.readers > 0) {
      this.isOutdated = false;
      const { epoch } = this;
      try {
        const orders = await this.api.orderHistory(MOST);
        if (epoch !== this.epoch) continue;
        this.orders.set(orders.map(fromHistory).filter((order) => !isOpen(order.status)));
        this.problem.set(null);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (epoch === this.epoch) this.problem.set(error.message);
        this.isOutdated = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}
