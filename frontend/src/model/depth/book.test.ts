import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../../decimal/decimal";
import type { DepthEvent } from "../../feed/events";
import type { Feed, Stream } from "../../feed/feed";
import { realTime } from "../../realTime";
import { BookFeed } from "./book";

let stream: Stream<DepthEvent>;
const feed = {
  subscribe: (wanted: Stream<DepthEvent>) => {
    stream = wanted;
    return () => {};
  },
} as unknown as Feed;

let update = 5;

function say(bids: [string, string][]): void {
  update += 1;
  stream.event({ e: "depth", E: 0, s: "SOL_USDC", U: update, u: update, b: bids, a: [] });
}

beforeEach(() => {
  vi.useFakeTimers();
  update = 5;
  const snapshot = { bids: [["99", "1"]], asks: [["101", "2"]], lastUpdateId: "5", timestamp: 0 };
  vi.stubGlobal("fetch", async () => Response.json(snapshot));
});

afterEach(() => {
  realTime();
  vi.unstubAllGlobals();
});

it("has the best prices as soon as it has the book, and says at once when a side is empty", async () => {
  const book = new BookFeed(feed);
  book.show("SOL_USDC");
  expect(book.touch.get()).toEqual({ bid: null, ask: null });
  stream.active?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(book.touch.get()).toEqual({ bid: parse("99"), ask: parse("101") });
  say([["99", "0"]]);
  expect(book.touch.get()).toEqual({ bid: null, ask: parse("101") });
  say([["98", "1"]]);
  expect(book.touch.get()).toEqual({ bid: parse("98"), ask: parse("101") });
  say([["98.5", "1"]]); // how far they move, nobody reads sixty times a second
  expect(book.touch.get().bid).toBe(parse("98"));
  await vi.advanceTimersByTimeAsync(250);
  expect(book.touch.get().bid).toBe(parse("98.5"));
  stream.lost?.();
  expect(book.touch.get()).toEqual({ bid: null, ask: null });
});
