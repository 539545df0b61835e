import { describe, expect, it, vi } from "vitest";
import type { WireDepth } from "../../api/types";
import { parse, toText } from "../../decimal/decimal";
import { eventually } from "../../eventually";
import type { DepthEvent } from "../../feed/events";
import { heartbeat, merged, RandomBook, randomFrom } from "./bookFixture";
import type { BookSide } from "./bookReplica";
import { BookSync } from "./bookSync";

const levels = (side: BookSide): [string, string][] =>
  side.top(Number.MAX_SAFE_INTEGER).map(({ price, quantity }) => [toText(price), toText(quantity)]);

function expectEqual(sync: BookSync, book: RandomBook): void {
  const { bids, asks } = book.snapshot(Number.MAX_SAFE_INTEGER);
  expect(sync.state).toBe("live");
  expect(sync.book.updateId).toBe(book.updateId);
  expect(levels(sync.book.bids)).toEqual(bids.toReversed());
  expect(levels(sync.book.asks)).toEqual(asks);
}

/** A BookSync whose snapshots and pauses the test lets happen. */
function controlled(snapshot: () => WireDepth) {
  const waiting: ((answer: WireDepth) => void)[] = [];
  const pauses: (() => void)[] = [];
  const fetch = vi.fn(() => new Promise<WireDepth>((resolve) => waiting.push(resolve)));
  const sync = new BookSync({ fetch, changed: () => {}, later: (run) => pauses.push(run) });
  const answer = async (with_: WireDepth = snapshot()): Promise<void> => {
    waiting.shift()?.(with_);
    await eventually(() => expect(waiting.length + pauses.length + Number(sync.state === "live")).toBeGreaterThan(0));
  };
  const pause = (): void => pauses.shift()?.();
  return { sync, fetch, answer, pause };
}

async function live(seed: number) {
  const book = new RandomBook(seed);
  const made = controlled(() => book.snapshot());
  made.sync.begin();
  await made.answer();
  return { book, ...made };
}

describe("BookSync", () => {
  it("equals the exchange's book after 100,000 changes, snapshot in the middle of the stream", async () => {
    const book = new RandomBook(1);
    const { sync, answer } = controlled(() => book.snapshot());
    sync.begin();
    const early = Array.from({ length: 500 }, () => book.change());
    for (const event of early.slice(0, 200)) sync.receive(event);
    const snapshot = new RandomBook(1);
    for (let count = 0; count < 150; count += 1) snapshot.change();
    await answer(snapshot.snapshot());
    for (const event of early.slice(200)) sync.receive(event);
    for (let count = 0; count < 100_000; count += 1) {
      sync.receive(book.change());
      if (sync.book.isCrossed) throw new Error(`crossed at ${sync.book.updateId}`);
    }
    expectEqual(sync, book);
    expect(sync.resynchronised).toBe(0);
  });

  it("takes merged messages of any width, and heartbeats between them", async () => {
    const { book, sync } = await live(2);
    const random = randomFrom(7);
    for (let count = 0; count < 3_000; count += 1) {
      const width = 1 + Math.floor(random() * 9);
      sync.receive(merged(Array.from({ length: width }, () => book.change())));
      if (random() < 0.1) sync.receive(heartbeat(book.updateId));
    }
    expectEqual(sync, book);
    expect(sync.resynchronised).toBe(0);
  });

  it("leaves the screen at a gap and comes back equal", async () => {
    const { book, sync, answer } = await live(3);
    sync.receive(book.change());
    book.change();
    sync.receive(book.change());
    expect(sync.state).toBe("fetching");
    sync.receive(book.change());
    await answer();
    sync.receive(book.change());
    expectEqual(sync, book);
    expect(sync.resynchronised).toBe(1);
  });

  it("notices by a heartbeat that it missed the last change", async () => {
    const { book, sync } = await live(4);
    book.change();
    sync.receive(heartbeat(book.updateId));
    expect(sync.state).toBe("fetching");
  });

  it("asks again for a snapshot that is older than the stream", async () => {
    const book = new RandomBook(5);
    const stale = book.snapshot();
    const { sync, fetch, answer, pause } = controlled(() => book.snapshot());
    sync.begin();
    book.change();
    book.change();
    sync.receive(book.change());
    await answer(stale);
    expect(sync.state).toBe("fetching");
    pause();
    await answer();
    expectEqual(sync, book);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  it("never shows a crossed book", async () => {
    const { book, sync } = await live(6);
    const id = book.updateId + 1;
    const crossing: DepthEvent = { ...heartbeat(id), U: id, u: id, b: [["150", "1"]] };
    sync.receive(crossing);
    expect(sync.state).toBe("fetching");
  });

  it("forgets answers of a connection that is over", async () => {
    const book = new RandomBook(8);
    const { sync, answer } = controlled(() => book.snapshot());
    sync.begin();
    const old = book.snapshot();
    sync.lost();
    sync.begin();
    for (let count = 0; count < 5; count += 1) book.change();
    void answer(old);
    await Promise.resolve();
    expect(sync.state).toBe("fetching");
    await answer();
    expectEqual(sync, book);
  });

  it("fetches again when changes have used up a truncated snapshot", async () => {
    const deep: WireDepth = {
      bids: [["1", "1"]],
      asks: Array.from({ length: 1000 }, (_, index) => [String(100 + index), "1"] as [string, string]),
      lastUpdateId: "0",
      timestamp: 0,
    };
    const { sync, answer } = controlled(() => deep);
    sync.begin();
    await answer();
    expect(sync.book.asks.certain).toBe(1000);
    for (let id = 1; id <= 801; id += 1) {
      expect(sync.state).toBe("live");
      sync.receive({ ...heartbeat(id), U: id, u: id, a: [[String(99 + id), "0"]] });
    }
    expect(sync.state).toBe("fetching");
  });
});

it("does not show levels beyond a cut snapshot, whose neighbours are unknown", async () => {
  const { sync, answer } = controlled(() => ({
    bids: [],
    asks: Array.from({ length: 1000 }, (_, index) => [String(100 + index), "1"] as [string, string]),
    lastUpdateId: "0",
    timestamp: 0,
  }));
  sync.begin();
  await answer();
  sync.receive({ ...heartbeat(1), U: 1, u: 1, a: [["5000", "3"]] });
  expect(sync.book.asks.size).toBe(1001);
  expect(sync.book.asks.top(2000).at(-1)?.price).toBe(parse("1099"));
});
