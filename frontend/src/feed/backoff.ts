/** Waits between attempts that double up to a ceiling, with jitter so that many pages do not return in step. */
export class Backoff {
  private attempt = 0;

  constructor(
    private readonly firstMs: number,
    private readonly ceilingMs: number,
    private readonly random: () => number = Math.random,
  ) {}

  next(): number {
    const full = Math.min(this.ceilingMs, this.firstMs * 2 ** this.attempt);
    this.attempt += 1;
    return full / 2 + (full / 2) * this.random();
  }

  reset(): void {
    this.attempt = 0;
  }
}
