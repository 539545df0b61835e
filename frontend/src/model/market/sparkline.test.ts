import { expect, test } from "vitest";
import { closesOf, pointsOf } from "./sparkline";

test("the closes that there are", () => {
  const candle = { start: "", end: "", open: "1", high: "1", low: "1", volume: "0", trades: "0" };
  expect(closesOf([{ ...candle, close: null }, { ...candle, close: "1.5" }])).toEqual([1.5]);
});

test("the highest is above, the lowest below, the newest right", () => {
  expect(pointsOf([1, 3, 2], 100, 10)).toBe("0.0,10.0 50.0,0.0 100.0,5.0");
  expect(pointsOf([2], 100, 10)).toBe("0.0,5.0 100.0,5.0");
  expect(pointsOf([], 100, 10)).toBe("");
});
