import { expect, it, vi } from "vitest";
import { fittingInterval, fromEvent, fromWire, merge, type Candle } from "./candles";

const candle = (time: number, close: string): Candle => ({ time, open: "1", high: "1", low: "1", close, volume: "0" });

it("reads candles of REST and stream alike, by their start", () => {
  const values = { open: "1", high: "3", low: "0.5", close: "2", volume: "7" };
  const read = fromWire({ ...values, trades: "1", start: "2026-03-04 05:06:00", end: "2026-03-04 05:07:00" }, Date.now());
  const streamed = fromEvent({
    e: "kline",
    s: "SOL_USDC",
    t: "2026-03-04T05:06:00",
    T: "2026-03-04T05:07:00",
    o: "1",
    h: "3",
    l: "0.5",
    c: "2",
    v: "7",
    X: false,
  });
  expect(read).toEqual({ ...values, time: Date.UTC(2026, 2, 4, 5, 6) / 1000 });
  expect(streamed).toEqual(read);
});

it("leaves out buckets in which nothing was known", () => {
  const empty = { open: null, high: null, low: null, close: null, volume: "0" };
  expect(fromWire({ ...empty, trades: "1", start: "2026-03-04 05:06:00", end: "2026-03-04 05:07:00" }, Date.now())).toBeNull();
});

it("joins pages in order, and the later word on a candle wins", () => {
  const joined = merge([candle(60, "1"), candle(120, "2")], [candle(120, "3"), candle(0, "0")]);
  expect(joined.map(({ time, close }) => `${time} ${close}`)).toEqual(["0 0", "60 1", "120 3"]);
});

it("begins with minutes where they fill a chart, else with seconds", async () => {
  const minute = (index: number, trades: string): object => {
    const at = (from: number): string => new Date((from + index * 60) * 1000).toISOString().slice(0, 19).replace("T", " ");
    return { start: at(0), end: at(60), open: "1", high: "1", low: "1", close: "1", volume: "1", trades };
  };
  const fitting = async (minutes: number, traded: number): Promise<string> => {
    const rows = Array.from({ length: minutes }, (_, index) => minute(index, index < traded ? "1" : "0"));
    vi.stubGlobal("fetch", async () => Response.json(rows));
    return (await fittingInterval("SOL_USDC")).name;
  };
  expect([await fitting(60, 15), await fitting(59, 59), await fitting(60, 14)]).toEqual(["1m", "1s", "1s"]);
  vi.unstubAllGlobals();
});
