import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ema, ma, rsi, vwap, type Bar, type Values } from "./indicators";

const bars = (closes: readonly number[]): Bar[] => closes.map((close, index) => ({ time: index * 60, high: close + 1, low: close - 1, close, volume: 1 }));
const rounded = (values: Values): Values => values.map((value) => value && Math.round(value * 1e4) / 1e4);
const some = fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 60 });
const length = fc.integer({ min: 1, max: 14 });

describe("averages", () => {
  it("are null until there are enough bars", () => {
    expect(ma(bars([1, 2, 3, 6]), 3)).toEqual([null, null, 2, 11 / 3]);
    expect(ema(bars([1, 2, 3, 6]), 3)).toEqual([null, null, 2, 4]);
    expect(ma([], 3)).toEqual([]);
  });

  it("the simple one is that of its window, whatever went before", () => {
    fc.assert(
      fc.property(some, length, (closes, n) => {
        const slow = closes.map((_, at) => (at < n - 1 ? null : closes.slice(at - n + 1, at + 1).reduce((a, b) => a + b) / n));
        expect(rounded(ma(bars(closes), n))).toEqual(rounded(slow));
      }),
    );
  });

  it("the exponential one stays between the lowest and the highest close", () => {
    fc.assert(
      fc.property(some, length, (closes, n) => {
        for (const value of ema(bars(closes), n)) {
          if (value === null) continue;
          expect(value).toBeGreaterThanOrEqual(Math.min(...closes) - 1e-9);
          expect(value).toBeLessThanOrEqual(Math.max(...closes) + 1e-9);
        }
      }),
    );
  });

  it("by volume counts typical prices, begins again each day, and says nothing of a day without trades", () => {
    const bar = (time: number, close: number, volume: number): Bar => ({ time, high: close + 3, low: close, close, volume });
    const day = 86_400;
    expect(vwap([bar(0, 9, 0), bar(60, 9, 1), bar(120, 19, 3), bar(day, 99, 0), bar(day + 60, 49, 2)])).toEqual([null, 10, 17.5, null, 50]);
  });
});

describe("relative strength", () => {
  it("is the example worked out by hand", () => {
    // gains 2, 0, 4, 0; losses 0, 1, 0, 3; averages of the first three: 2 and 1/3, then (2·2+0)/3 and (2·1/3+3)/3
    expect(rounded(rsi(bars([10, 12, 11, 15, 12]), 3))).toEqual([null, null, null, 85.7143, 52.1739]);
  });

  it("is 100 where all rises, 0 where all falls, 50 where nothing moves", () => {
    const last = (closes: number[]): number | null | undefined => rsi(bars(closes), 3).at(-1);
    expect([last([1, 2, 3, 4, 5]), last([5, 4, 3, 2, 1]), last([3, 3, 3, 3, 3])]).toEqual([100, 0, 50]);
  });
});
