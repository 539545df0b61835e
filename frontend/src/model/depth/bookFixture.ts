/** For tests: an exchange's book that changes at random, from a seed, and publishes each change as the wire does. */
import type { WireDepth } from "../../api/types";
import { toText } from "../../decimal/decimal";
import type { DepthEvent } from "../../feed/events";

const TICK = 10n ** 16n;
const LOT = 10n ** 15n;

/** A small generator of known quality (mulberry32): tests must not depend on chance. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Entry = [string, string];

/** Kept the plainest way there is, two maps of text, so that it shares no code with the replica. */
export class RandomBook {
  readonly bids = new Map<number, number>();
  readonly asks = new Map<number, number>();
  updateId = 0;
  private middle = 10_000;
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    for (let away = 1; away <= 50; away += 1) {
      this.bids.set(this.middle - away, this.lots());
      this.asks.set(this.middle + away, this.lots());
    }
  }

  /** One change of one level; the middle wanders, so that levels are swept, left behind and met again. */
  change(): DepthEvent {
    if (this.random() < 0.05) return this.sweep();
    const isBid = this.random() < 0.5;
    const away = 1 + Math.floor(-Math.log(1 - this.random()) * 12);
    const price = isBid ? this.middle - away : this.middle + away;
    return this.publish(isBid, price, this.random() < 0.35 ? 0 : this.lots());
  }

  private sweep(): DepthEvent {
    const up = this.random() < 0.5;
    const side = up ? this.asks : this.bids;
    const best = up ? Math.min(...side.keys()) : Math.max(...side.keys());
    if (!Number.isFinite(best)) return this.publish(!up, up ? this.middle + 1 : this.middle - 1, this.lots());
    if (up && best >= this.middle) this.middle = best;
    if (!up && best <= this.middle) this.middle = best;
    return this.publish(!up, best, 0);
  }

  private publish(isBid: boolean, price: number, lots: number): DepthEvent {
    const side = isBid ? this.bids : this.asks;
    if (lots === 0) side.delete(price);
    else side.set(price, lots);
    this.updateId += 1;
    const change: Entry[] = [entry(price, lots)];
    const id = this.updateId;
    return { e: "depth", E: 0, s: "SOL_USDC", U: id, u: id, b: isBid ? change : [], a: isBid ? [] : change };
  }

  private lots(): number {
    return 1 + Math.floor(this.random() * 100_000);
  }

  snapshot(limit = 1000): WireDepth {
    const ascending = (side: Map<number, number>): Entry[] =>
      [...side].toSorted(([a], [b]) => a - b).map(([price, lots]) => entry(price, lots));
    return {
      bids: ascending(this.bids).slice(-limit),
      asks: ascending(this.asks).slice(0, limit),
      lastUpdateId: String(this.updateId),
      timestamp: 0,
    };
  }
}

function entry(price: number, lots: number): Entry {
  return [toText(BigInt(price) * TICK), toText(BigInt(lots) * LOT)];
}

export function heartbeat(updateId: number): DepthEvent {
  return { e: "depth", E: 0, s: "SOL_USDC", U: updateId + 1, u: updateId, b: [], a: [] };
}

/** Consecutive changes as one message, as a slower stream sends them. */
export function merged(events: readonly DepthEvent[]): DepthEvent {
  const [first] = events;
  const last = events.at(-1);
  if (!first || !last) throw new Error("nothing to merge");
  const latest = (side: "a" | "b"): Entry[] => [...new Map(events.flatMap((event) => event[side]))];
  return { ...last, U: first.U, b: latest("b"), a: latest("a") };
}
