/**
 * Whether the exchange would take an order now: market data may be live while order entry is not. Asked every few seconds
 * while somebody looks, and at once after a request that was not answered.
 */
import { status } from "../../api/public";
import { ApiError } from "../../api/http";
import { Store } from "../../reactive/store";

type OrderEntryState = { kind: "asking" } | { kind: "open" } | { kind: "closed"; reason: string };

const ASK_MS = 3_000;

export class OrderEntry {
  readonly state = new Store<OrderEntryState>({ kind: "asking" });
  private isAsking = false;

  start(): void {
    void this.ask();
    setInterval(() => document.visibilityState === "visible" && void this.ask(), ASK_MS);
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void this.ask());
  }

  async ask(): Promise<void> {
    if (this.isAsking) return;
    this.isAsking = true;
    try {
      const { status: said, message } = await status();
      this.set(said === "Ok" ? null : (message ?? "The exchange takes no orders now"));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 0 || error.status >= 500) this.set(error.message); // a refusal by a limit says nothing of orders
    } finally {
      this.isAsking = false;
    }
  }

  private set(reason: string | null): void {
    const before = this.state.get();
    if (reason === null && before.kind !== "open") this.state.set({ kind: "open" });
    if (reason !== null && !(before.kind === "closed" && before.reason === reason)) this.state.set({ kind: "closed", reason });
  }
}
