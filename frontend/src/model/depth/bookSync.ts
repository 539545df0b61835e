/**
 * Keeps a BookReplica in step with the exchange by the sequence rule of the wire specification (§8):
 *
 *   idle ──stream active──▶ fetching ──snapshot fits──▶ live ──gap, crossed or thin──▶ fetching …
 *     ▲──────────────────────── connection lost ──────────┘
 *
 * Changes are buffered while a snapshot is on its way. Messages with u ≤ the snapshot's id are dropped, the first one
 * applied must satisfy U ≤ id + 1 ≤ u, each later one U = u(prev) + 1; anything else means a change was missed, and the
 * book leaves the screen until a new snapshot fits. Update ids are safe integers: 2⁵³ changes of one market.
 */
import type { WireDepth } from "../../api/types";
import { parse } from "../../decimal/decimal";
import type { DepthEvent } from "../../feed/events";
import { BookReplica, type Change } from "./bookReplica";

export type BookState = "idle" | "fetching" | "live";

const SNAPSHOT_LIMIT = 1000;
/** Certain levels below which a truncated side is fetched again: more than any ladder shows. */
const THIN = 200;
const REFETCH_MS = 250;
/** A snapshot older than the stream is asked for again; the buffer must not grow without end meanwhile. */
const MAX_BUFFERED = 50_000;

interface BookSyncOptions {
  fetch: () => Promise<WireDepth>;
  /** Called after each change of state or of the book: cheap, at most marks something dirty. */
  changed: () => void;
  later?: (run: () => void, ms: number) => void;
}

const changes = (levels: readonly [string, string][]): Change[] =>
  levels.map(([price, quantity]) => [parse(price), parse(quantity)]);

export class BookSync {
  readonly book = new BookReplica();
  state: BookState = "idle";
  /** Snapshots that replaced a live book because a change had been missed. */
  resynchronised = 0;
  private buffer: DepthEvent[] = [];
  private isFirst = false;
  /** Responses of an older epoch belong to a connection or attempt that has ended. */
  private epoch = 0;

  constructor(private readonly options: BookSyncOptions) {}

  /** The stream is active: from here on every change arrives, so a snapshot taken now can be completed. */
  begin(): void {
    if (this.state !== "idle") return;
    this.enter("fetching");
    void this.fetch(this.epoch);
  }

  lost(): void {
    this.enter("idle");
  }

  receive(event: DepthEvent): void {
    if (this.state === "live") {
      this.step(event);
      this.options.changed();
      return;
    }
    if (this.state === "idle") this.begin();
    if (this.buffer.length === MAX_BUFFERED) this.buffer.length = 0;
    this.buffer.push(event);
  }

  private enter(state: BookState): void {
    this.state = state;
    this.epoch += 1;
    this.buffer = [];
    this.options.changed();
  }

  /** At once when the book had been in step; after a pause when the snapshot itself was the trouble. */
  private resynchronise(): void {
    this.resynchronised += 1;
    const { isFirst } = this;
    this.enter("fetching");
    if (isFirst) this.fetchLater(this.epoch);
    else void this.fetch(this.epoch);
  }

  private fetchLater(epoch: number): void {
    const later = this.options.later ?? setTimeout;
    later(() => {
      if (epoch === this.epoch) void this.fetch(epoch);
    }, REFETCH_MS);
  }

  private async fetch(epoch: number): Promise<void> {
    let snapshot: WireDepth | null = null;
    try {
      snapshot = await this.options.fetch();
    } catch {
      snapshot = null;
    }
    if (epoch !== this.epoch) return;
    if (snapshot === null || !this.adopt(snapshot)) this.fetchLater(epoch);
  }

  /** Whether the snapshot reaches the buffered changes; if so the book is live. */
  private adopt(snapshot: WireDepth): boolean {
    const updateId = Number(snapshot.lastUpdateId);
    const first = this.buffer[0];
    if (first && updateId < first.U - 1) return false;
    const buffered = this.buffer;
    this.book.reset(changes(snapshot.bids), changes(snapshot.asks), updateId, SNAPSHOT_LIMIT);
    if (this.book.isCrossed) return false;
    this.enter("live");
    this.isFirst = true;
    for (const event of buffered) {
      if (this.state !== "live") break;
      this.step(event);
    }
    return true;
  }

  private step(event: DepthEvent): void {
    const { book } = this;
    if (event.u <= book.updateId) return;
    const follows = this.isFirst ? event.U <= book.updateId + 1 : event.U === book.updateId + 1;
    if (follows) book.apply(changes(event.b), changes(event.a), event.u);
    if (!follows || book.isCrossed || book.isThin(THIN)) return this.resynchronise();
    this.isFirst = false;
  }
}
