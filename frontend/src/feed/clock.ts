/**
 * The exchange's time: that of the newest frame and what has passed since. A frame says when it was sent, so this is
 * never ahead of the exchange, whatever the reader's own clock says; until the first one it is the reader's.
 */
export class Clock {
  private sentMs: number | null = null;
  private heardMs = 0;

  get isKnown(): boolean {
    return this.sentMs !== null;
  }

  hear(sentMicros: number): void {
    this.sentMs = sentMicros / 1000;
    this.heardMs = performance.now();
  }

  now(): number {
    return this.sentMs === null ? Date.now() : this.sentMs + performance.now() - this.heardMs;
  }
}
