import { expect, it, vi } from "vitest";
import type { TradeEvent } from "../../feed/events";
import type { Feed, Stream } from "../../feed/feed";
import { realTime } from "../../realTime";
import { merge, MOST_TRADES, TapeFeed, type Trade } from "./tape";

const trade = (id: number): Trade => ({ id, price: 1n, quantity: 1n, timeMs: id, isSell: false, taker: null });
const event = (id: number): TradeEvent => ({ e: "trade", s: "SOL_USDC", p: "1", q: "1", t: id, m: false, b: "1", a: "2", T: id * 1000 });

it("keeps the newest trades, each once, newest first", () => {
  const known = [trade(3), trade(2)];
  expect(merge(known, [trade(4)]).map(({ id }) => id)).toEqual([4, 3, 2]);
  expect(merge(known, [trade(1), trade(3), trade(5)]).map(({ id }) => id)).toEqual([5, 3, 2, 1]);
  const many = Array.from({ length: MOST_TRADES + 50 }, (_, index) => trade(index));
  expect(merge([], many)).toHaveLength(MOST_TRADES);
});

it("replaces what it showed once a lost connection is back, whatever the ids", async () => {
  let stream: Stream<TradeEvent> | null = null;
  const feed = {
    subscribe: (wanted: Stream<TradeEvent>) => {
      stream = wanted;
      return () => {};
    },
  } as unknown as Feed;
  vi.stubGlobal("fetch", async () => new Response("[]", { status: 200 }));
  const tape = new TapeFeed(feed, () => {});
  tape.show("SOL_USDC");
  const { event: receive, lost } = stream as unknown as Required<Stream<TradeEvent>>;
  receive(event(900));
  receive(event(901));
  lost();
  expect(tape.trades.get().map(({ id }) => id)).toEqual([901, 900]);
  receive(event(1));
  receive(event(2));
  expect(tape.trades.get().map(({ id }) => id)).toEqual([2, 1]);
  vi.unstubAllGlobals();
});

it("asks again while the exchange cannot answer truly, and shows no empty tape as the answer", async () => {
  vi.useFakeTimers();
  let stream: Stream<TradeEvent> | null = null;
  const feed = {
    subscribe: (wanted: Stream<TradeEvent>) => {
      stream = wanted;
      return () => {};
    },
  } as unknown as Feed;
  const tape = new TapeFeed(feed, () => {});
  tape.show("SOL_USDC");
  (stream as unknown as Required<Stream<TradeEvent>>).event(event(7));
  const restarting = { status: 503, headers: { "Retry-After": "1" } };
  vi.stubGlobal("fetch", async () => new Response('{"code":"MAINTENANCE","message":"not yet"}', restarting));
  (stream as unknown as Required<Stream<TradeEvent>>).lost();
  (stream as unknown as Required<Stream<TradeEvent>>).active();
  await vi.advanceTimersByTimeAsync(3_500);
  expect(tape.trades.get().map(({ id }) => id)).toEqual([7]);
  const wire = { id: 8, price: "1", quantity: "1", quoteQuantity: "1", timestamp: 8, isBuyerMaker: false };
  vi.stubGlobal("fetch", async () => Response.json([wire]));
  await vi.advanceTimersByTimeAsync(1_500);
  expect(tape.trades.get().map(({ id }) => id)).toEqual([8]);
  vi.unstubAllGlobals();
  realTime();
});
