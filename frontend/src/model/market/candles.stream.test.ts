import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { KlineEvent } from "../../feed/events";
import { Clock } from "../../feed/clock";
import type { Feed, Stream } from "../../feed/feed";
import { realTime } from "../../realTime";
import { Candles, type Candle } from "./candles";
import { INTERVALS } from "./intervals";

const NOW = Date.UTC(2026, 2, 4, 5, 17, 30);
const text = (seconds: number, between: string): string => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", between);

let stream: Stream<KlineEvent>;
let clock: Clock;
const feed = {
  get clock() {
    return clock;
  },
  subscribe: (wanted: Stream<KlineEvent>) => {
    stream = wanted;
    return () => {};
  },
} as unknown as Feed;

/** The chart as the reader sees it: what was drawn last, by start. */
let drawn: Map<number, Candle>;
const listener = {
  replaced: (candles: readonly Candle[]) => {
    drawn = new Map(candles.map((candle) => [candle.time, candle]));
  },
  updated: (candle: Candle) => {
    const newest = Math.max(-1, ...drawn.keys());
    if (candle.time < newest) throw new Error("a chart takes no update before its newest bar");
    drawn.set(candle.time, candle);
  },
};
const newest = (): Candle | undefined => drawn.get(Math.max(...drawn.keys()));

function answer(rows: { start: number; close: string; volume: string; trades: string }[]): void {
  const body = rows.map(({ start, close, ...rest }) => ({ start: text(start, " "), end: "", open: "1", high: "9", low: "1", close, ...rest }));
  vi.stubGlobal("fetch", async () => new Response(JSON.stringify(body), { status: 200 }));
}

function say(start: number, close: string, volume: string): void {
  const [t, T] = [text(start, "T"), text(start, "T")];
  stream.event({ e: "kline", s: "SOL_USDC", t, T, o: "1", h: "9", l: "1", c: close, v: volume, X: false });
}

beforeEach(() => {
  vi.useFakeTimers({ now: NOW });
  drawn = new Map();
  clock = new Clock();
});

afterEach(() => {
  realTime();
  vi.unstubAllGlobals();
});

it.each(INTERVALS)("the newest bar of $name follows each trade, whatever REST put after it", async (interval) => {
  const start = Math.floor(NOW / 1000 / interval.seconds) * interval.seconds;
  answer([
    { start, close: "5", volume: "10", trades: "2" },
    { start: start + interval.seconds, close: "5", volume: "0", trades: "0" }, // of an exchange that fills up too far
  ]);
  const candles = new Candles(feed, "SOL_USDC", interval, listener);
  await vi.advanceTimersByTimeAsync(0);
  for (const [close, volume] of [["6", "11"], ["7", "12"]] as const) {
    say(start, close, volume);
    expect(newest()).toMatchObject({ time: start, close, volume });
  }
  say(start + interval.seconds, "8", "1"); // the next one has a trade: it is shown, whatever our clock says
  expect(newest()).toMatchObject({ time: start + interval.seconds, close: "8" });
  candles.stop();
});

it("takes the last word on a bar that has ended after its successor began", async () => {
  const minutes = INTERVALS[1] as (typeof INTERVALS)[number];
  const start = Math.floor(NOW / 60_000) * 60;
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", minutes, listener);
  await vi.advanceTimersByTimeAsync(0);
  say(start + 60, "6", "1");
  say(start, "5.5", "11");
  expect(drawn.get(start)).toMatchObject({ close: "5.5", volume: "11" });
  expect(newest()).toMatchObject({ time: start + 60, close: "6" });
  say(start - 6_000, "3", "1"); // older than all that was loaded
  expect(drawn.size).toBe(2);
  candles.stop();
});

it("keeps the later word on the newest bar, whether REST or the stream has it", async () => {
  const minutes = INTERVALS[1] as (typeof INTERVALS)[number];
  const start = Math.floor(NOW / 60_000) * 60;
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", minutes, listener);
  await vi.advanceTimersByTimeAsync(0);
  answer([{ start, close: "6", volume: "11", trades: "3" }]); // a trade between that answer and the subscription
  stream.active?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(newest()).toMatchObject({ close: "6", volume: "11" });
  say(start, "5", "10"); // a stream that is behind REST
  expect(newest()).toMatchObject({ close: "6", volume: "11" });
  say(start, "7", "12");
  stream.active?.(); // and REST behind the stream
  await vi.advanceTimersByTimeAsync(0);
  expect(newest()).toMatchObject({ close: "7", volume: "12" });
  candles.stop();
});

it("asks again while the exchange cannot answer truly", async () => {
  const minutes = INTERVALS[1] as (typeof INTERVALS)[number];
  vi.stubGlobal("fetch", async () => new Response('{"code":"MAINTENANCE","message":"not yet"}', { status: 503 }));
  const candles = new Candles(feed, "SOL_USDC", minutes, listener);
  await vi.advanceTimersByTimeAsync(3_000);
  expect(drawn.size).toBe(0);
  answer([{ start: Math.floor(NOW / 60_000) * 60, close: "5", volume: "10", trades: "2" }]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(newest()).toMatchObject({ close: "5" });
  candles.stop();
});

/** What the reader sees, bar by bar: how far from the first one, close and volume. */
const bars = (): string[] => [...drawn.values()].map(({ time, open, close, volume }) => `${time - NOW / 1000} ${open === close ? close : `${open}-${close}`} ${volume}`);

it.each(INTERVALS)("a quiet interval of $name has its bar as soon as it begins, as after a reload", async (interval) => {
  const width = interval.seconds;
  const start = Math.floor(NOW / 1000 / width) * width;
  vi.setSystemTime(start * 1000);
  clock.hear(start * 1_000_000);
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", interval, listener);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(0);
  await vi.advanceTimersByTimeAsync(width * 1000 - 1);
  expect([...drawn.keys()]).toEqual([start]); // none begins after the clock
  for (const quiet of [1, 2]) {
    await vi.advanceTimersByTimeAsync(quiet === 1 ? 1 : width * 1000);
    expect(newest()).toEqual({ time: start + quiet * width, open: "5", high: "5", low: "5", close: "5", volume: "0" });
    expect(drawn.size).toBe(quiet + 1);
  }
  say(start + 2 * width, "8", "1");
  expect(newest()).toMatchObject({ time: start + 2 * width, close: "8", volume: "1" });
  candles.stop();
});

it("fills what is quiet between two trades, and goes on from the last word on a bar", async () => {
  const seconds = INTERVALS[0] as (typeof INTERVALS)[number];
  const start = NOW / 1000;
  clock.hear(NOW * 1000);
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", seconds, listener);
  await vi.advanceTimersByTimeAsync(0);
  say(start + 3, "6", "1"); // before the stream is confirmed
  expect(bars()).toEqual(["0 1-5 10", "1 5 0", "2 5 0", "3 1-6 1"]);
  answer([
    { start, close: "5", volume: "10", trades: "2" },
    { start: start + 3, close: "6", volume: "1", trades: "1" },
  ]);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(4_000);
  expect(bars().slice(3)).toEqual(["3 1-6 1", "4 6 0"]);
  say(start + 3, "7", "2"); // a trade at its very end, told after it
  expect(bars().slice(3)).toEqual(["3 1-7 2", "4 7 0"]);
  candles.stop();
});

it("adds nothing while the stream is away, for trades may go on", async () => {
  const seconds = INTERVALS[0] as (typeof INTERVALS)[number];
  const start = NOW / 1000;
  clock.hear(NOW * 1000);
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", seconds, listener);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(drawn.size).toBe(2);
  stream.lost?.();
  await vi.advanceTimersByTimeAsync(5_000);
  expect(drawn.size).toBe(2);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(drawn.size).toBe(8);
  candles.stop();
});

it("lets go of what is a page and more before, and has it again when it is scrolled to", async () => {
  const seconds = INTERVALS[0] as (typeof INTERVALS)[number];
  const start = NOW / 1000;
  clock.hear(NOW * 1000);
  answer([{ start, close: "5", volume: "10", trades: "2" }]);
  const candles = new Candles(feed, "SOL_USDC", seconds, listener);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(0);
  answer([{ start: start + 40_000, close: "6", volume: "1", trades: "1" }]);
  clock.hear((NOW + 40_000_000) * 1000); // the machine slept
  await vi.advanceTimersByTimeAsync(1_000);
  expect([...drawn.keys()]).toEqual([start + 40_000]);
  answer([{ start: start + 39_998, close: "5", volume: "1", trades: "1" }]);
  await candles.loadOlder();
  expect(bars()).toEqual(["39998 1-5 1", "39999 5 0", "40000 1-6 1"]);
  candles.stop();
});

it("has the same bars after hours as whoever comes then, unless somebody scrolled back", async () => {
  const seconds = INTERVALS[0] as (typeof INTERVALS)[number];
  const start = Math.floor(NOW / 500_000) * 500; // a page begins
  vi.setSystemTime(start * 1000);
  clock.hear(start * 1_000_000);
  const asked: number[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    const [from, to] = ["startTime", "endTime"].map((name) => Number(new URL(url, "http://exchange").searchParams.get(name))) as [number, number];
    asked.push(from);
    const rows = Array.from({ length: Math.min(to, Math.floor(clock.now() / 1000) + 1) - from }, (_, at) => {
      return { start: text(from + at, " "), end: "", open: "5", high: "5", low: "5", close: "5", volume: "1", trades: "1" };
    });
    return Response.json(rows);
  });
  const candles = new Candles(feed, "SOL_USDC", seconds, listener);
  stream.active?.();
  await vi.advanceTimersByTimeAsync(0);
  const span = (): number[] => [Math.min(...drawn.keys()) - start, drawn.size];
  expect(span()).toEqual([-500, 501]);
  await vi.advanceTimersByTimeAsync(499_000);
  expect(span()).toEqual([-500, 1_000]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(span()).toEqual([0, 501]);
  await candles.loadOlder();
  await vi.advanceTimersByTimeAsync(500_000);
  expect(span()).toEqual([-500, 1_501]);
  expect(new Set(asked.map((from) => from - start))).toEqual(new Set([-500]));
  candles.stop();
});

it("asks again once it knows the exchange's time, if the reader's clock is wrong", async () => {
  const minutes = INTERVALS[1] as (typeof INTERVALS)[number];
  const asked: URL[] = [];
  vi.stubGlobal("fetch", async (url: string) => {
    asked.push(new URL(url, "http://exchange"));
    return new Response("[]", { status: 200 });
  });
  const candles = new Candles(feed, "SOL_USDC", minutes, listener);
  await vi.advanceTimersByTimeAsync(0);
  clock.hear((NOW - 3_600_000) * 1000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked.map((url) => Number(url.searchParams.get("endTime")) - NOW / 1000)).toEqual([60, 60 - 3_600 + 1]);
  candles.stop();
});
