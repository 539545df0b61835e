/**
 * A value outside React that components watch. Listeners are notified at most once per animation frame, so
 * the cost of a busy market is bounded by the screen, not by the feed.
 */
import { frames } from "./frames";

export class Store<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  readonly get = (): T => this.value;

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    frames.request(this.notify);
  }

  update(change: (value: T) => T): void {
    this.set(change(this.value));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  private readonly notify = (): void => {
    for (const listener of this.listeners) listener();
  };
}
