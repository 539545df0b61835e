/**
 * One market's book as the page knows it: levels by price, best first, and the id of the last change they contain.
 * Pure: no clock, no network, no display. The rules of synchronisation live in bookSync.ts.
 */
export interface Level {
  price: bigint;
  quantity: bigint;
}

export type Change = readonly [price: bigint, quantity: bigint];

/** One side: prices best first, with their quantities. */
export class BookSide {
  /** Worst first, so that the busy end, the best prices, is where an array grows and shrinks cheaply. */
  private prices: bigint[] = [];
  private readonly quantities = new Map<bigint, bigint>();
  /** The worst price that the snapshot reached when it was cut; beyond it levels may exist that are not known. */
  private horizon: bigint | null = null;

  constructor(private readonly isBid: boolean) {}

  get size(): number {
    return this.prices.length;
  }

  get best(): bigint | null {
    return this.prices.at(-1) ?? null;
  }

  quantity(price: bigint): bigint {
    return this.quantities.get(price) ?? 0n;
  }

  /** `levels` in any order; `isCut` says that the snapshot may have left out worse ones. */
  reset(levels: readonly Change[], isCut: boolean): void {
    this.quantities.clear();
    for (const [price, quantity] of levels) if (quantity > 0n) this.quantities.set(price, quantity);
    this.prices = [...this.quantities.keys()].toSorted((a, b) => (a === b ? 0 : this.isWorse(a, b) ? -1 : 1));
    this.horizon = isCut ? (this.prices[0] ?? null) : null;
  }

  /** Sets the absolute quantity of a price; 0 removes it, also when it is not there. */
  set(price: bigint, quantity: bigint): void {
    const known = this.quantities.has(price);
    if (quantity > 0n) {
      this.quantities.set(price, quantity);
      if (!known) this.prices.splice(this.position(price), 0, price);
    } else if (known) {
      this.quantities.delete(price);
      this.prices.splice(this.position(price), 1);
    }
  }

  /** How many of the best levels are certain: all of them, or those within the snapshot's horizon. */
  get certain(): number {
    return this.horizon === null ? this.prices.length : this.prices.length - this.position(this.horizon);
  }

  get isCut(): boolean {
    return this.horizon !== null;
  }

  /** The best levels, best first, never beyond what is certain. */
  top(count: number): Level[] {
    const levels: Level[] = [];
    const end = this.prices.length - Math.min(count, this.certain);
    for (let index = this.prices.length - 1; index >= end; index -= 1) {
      const price = this.prices[index] as bigint;
      levels.push({ price, quantity: this.quantity(price) });
    }
    return levels;
  }

  private isWorse(price: bigint, than: bigint): boolean {
    return this.isBid ? price < than : price > than;
  }

  /** Index of `price`, or where it belongs. */
  private position(price: bigint): number {
    let low = 0;
    let high = this.prices.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.isWorse(this.prices[middle] as bigint, price)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class BookReplica {
  readonly bids = new BookSide(true);
  readonly asks = new BookSide(false);
  updateId = 0;

  reset(bids: readonly Change[], asks: readonly Change[], updateId: number, limit: number): void {
    this.bids.reset(bids, bids.length >= limit);
    this.asks.reset(asks, asks.length >= limit);
    this.updateId = updateId;
  }

  apply(bids: readonly Change[], asks: readonly Change[], updateId: number): void {
    for (const [price, quantity] of bids) this.bids.set(price, quantity);
    for (const [price, quantity] of asks) this.asks.set(price, quantity);
    this.updateId = updateId;
  }

  get isCrossed(): boolean {
    const { best: bid } = this.bids;
    const { best: ask } = this.asks;
    return bid !== null && ask !== null && bid >= ask;
  }

  /** A truncated side of which so many levels are gone that the ladder would run out of certain ones. */
  isThin(least: number): boolean {
    return [this.bids, this.asks].some((side) => side.isCut && side.certain < least);
  }
}
