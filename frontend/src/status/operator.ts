/** What an administrator sees and does, once a key has opened it: readings each second, market states, frozen accounts. */
import { ApiError } from "../api/http";
import * as publicApi from "../api/public";
import type { WireMarket } from "../api/types";
import { Store } from "../reactive/store";
import { AdminKey, seedOf } from "./adminKey";
import type { AdminStatus } from "./facts";
import { NOTHING, withReading, type History } from "./history";

const EVERY_MS = 1_000;
const ADMIN = "/api/v1/admin";
const FORBIDDEN = 403;

export type MarketState = WireMarket["orderBookState"];

export interface AdminAccount {
  account: number;
  frozen: boolean;
  feeTier: number;
  keys: { apiKey: string }[];
  balances: Record<string, { available: string; locked: string }>;
}

export type Gate =
  | { kind: "closed"; why: string }
  | { kind: "opening" }
  /** `trouble`: why what is shown is not of this second; empty: it is. */
  | { kind: "open"; trouble: string };

export class Operator {
  readonly gate = new Store<Gate>({ kind: "closed", why: "" });
  readonly history = new Store<History>(NOTHING);
  readonly markets = new Store<readonly WireMarket[]>([]);
  private key: AdminKey | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** Try a key; it is kept in this object only. */
  async open(typed: string): Promise<void> {
    const seed = seedOf(typed);
    if (seed === null) return this.close("This is no secret: it is the base64 text of 32 bytes");
    this.gate.set({ kind: "opening" });
    this.key = await AdminKey.of(seed);
    await this.read();
  }

  close(why = ""): void {
    clearTimeout(this.timer);
    this.key = null;
    this.history.set(NOTHING);
    this.gate.set({ kind: "closed", why });
  }

  async setMarket(symbol: string, state: MarketState): Promise<void> {
    await this.change("market", "adminMarketUpdate", { symbol, state });
    this.markets.set(await publicApi.markets());
  }

  async account(number: number): Promise<AdminAccount> {
    return this.held().send("GET", `${ADMIN}/account`, "adminAccountQuery", { account: number });
  }

  async freeze(account: number, frozen: boolean): Promise<AdminAccount> {
    return this.change("account", "adminAccountUpdate", { account, frozen });
  }

  private change<T>(path: string, instruction: string, members: Record<string, string | number | boolean>): Promise<T> {
    return this.held().send("PATCH", `${ADMIN}/${path}`, instruction, members);
  }

  private held(): AdminKey {
    if (!this.key) throw new ApiError(FORBIDDEN, "FORBIDDEN", "The page was closed: open it with your key");
    return this.key;
  }

  private async read(): Promise<void> {
    const key = this.key;
    if (!key) return;
    let trouble = "";
    try {
      const [status, markets] = await Promise.all([
        key.send<AdminStatus>("GET", `${ADMIN}/status`, "adminStatusQuery", {}),
        publicApi.markets(),
      ]);
      if (key !== this.key) return; // closed meanwhile
      this.history.update((history) => withReading(history, { atMs: Date.now(), status }));
      this.markets.set(markets);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === FORBIDDEN) return this.close(refusal(error));
      trouble = error.message;
    }
    this.gate.set({ kind: "open", trouble });
    this.timer = setTimeout(() => void this.read(), EVERY_MS);
  }
}

function refusal(error: ApiError): string {
  return error.status === FORBIDDEN ? "Not for you: this page is for administrators" : error.message;
}
