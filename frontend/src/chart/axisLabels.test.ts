import type { ISeriesApi } from "lightweight-charts";
import { expect, it } from "vitest";
import { AxisLabels, isTouched, stacked } from "./axisLabels";

it("labels that would overlap are pushed away from the one at the last price", () => {
  expect(stacked([100, 200], 150)).toEqual([100, 200]);
  expect(stacked([240, 245, 261, 267, 272, 277, 282], 267)).toEqual([219, 235, 251, 267, 283, 299, 315]);
  expect(stacked([100, 104], 90)).toEqual([100, 116]);
  expect(stacked([100, 104], 120)).toEqual([88, 104]);
});

it("a tick is touched by a label that its text would touch", () => {
  expect([87, 88, 100, 112, 113].map((at) => isTouched(at, [100]))).toEqual([false, true, true, true, false]);
});

it("tells the library only when labels have moved, and writes no tick beside them", () => {
  const asked: { tickmarksFormatter: (ticks: number[]) => string[] }[] = [];
  const prices = {
    applyOptions: ({ priceFormat }: { priceFormat: (typeof asked)[number] }) => asked.push(priceFormat),
    priceToCoordinate: (price: number) => 300 - price,
  };
  const labels = new AxisLabels(prices as unknown as ISeriesApi<"Candlestick">, 1);
  const ticks = (): string[] | undefined => asked.at(-1)?.tickmarksFormatter([150, 200, 250]);
  expect(ticks()).toEqual(["150.0", "200.0", "250.0"]);
  expect(asked[0]?.tickmarksFormatter([64_800])).toEqual(["64,800.0"]); // as everywhere else
  labels.keepClear([105.2], null);
  expect(ticks()).toEqual(["150.0", "", "250.0"]);
  labels.keepClear([105.4], null);
  expect(asked).toHaveLength(2);
});
