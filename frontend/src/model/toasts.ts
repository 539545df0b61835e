/** Short messages that come and go: what happened to an order, and why. */
import { Store } from "../reactive/store";

type Tone = "good" | "bad" | "plain";

interface Toast {
  id: number;
  key: string | null;
  tone: Tone;
  title: string;
  text: string;
}

const MOST = 4;
const STAY_MS: Record<Tone, number> = { good: 6_000, plain: 5_000, bad: 10_000 };

export class Toasts {
  readonly store = new Store<readonly Toast[]>([]);
  private nextId = 1;
  private readonly timers = new Map<number, ReturnType<typeof setTimeout>>();

  /** One with the key of another, of the same order say, takes its place. */
  show(tone: Tone, title: string, text: string, key: string | null = null): void {
    const before = this.store.get().find((toast) => key !== null && toast.key === key);
    const toast: Toast = { id: before?.id ?? this.nextId++, key, tone, title, text };
    this.store.update((toasts) =>
      before ? toasts.map((each) => (each.id === toast.id ? toast : each)) : [...toasts, toast].slice(-MOST),
    );
    this.resume(toast.id, tone);
  }

  dismiss(id: number): void {
    this.pause(id);
    this.store.update((toasts) => toasts.filter((toast) => toast.id !== id));
  }

  /** While pointed at or focused, a message stays. */
  pause(id: number): void {
    clearTimeout(this.timers.get(id));
    this.timers.delete(id);
  }

  resume(id: number, tone: Tone): void {
    this.pause(id);
    this.timers.set(id, setTimeout(() => this.dismiss(id), STAY_MS[tone]));
  }
}
