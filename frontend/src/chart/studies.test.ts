import type { IChartApi, UTCTimestamp } from "lightweight-charts";
import { expect, it } from "vitest";
import type { Candle } from "../model/market/candles";
import { Studies } from "./studies";
import type { ChartTheme } from "./theme";

const bar = (time: number, close: string): { place: UTCTimestamp; candle: Candle } => ({
  place: time as UTCTimestamp,
  candle: { time, open: close, high: close, low: close, close, volume: "1" },
});

it("gives each of several bars that came between two frames its values", () => {
  const drawn: number[] = [];
  const series = { setData: () => {}, applyOptions: () => {}, update: ({ time }: { time: number }) => drawn.push(time) };
  const chart = { addSeries: () => series, panes: () => [] } as unknown as IChartApi;
  const studies = new Studies(chart, () => ({ studies: {} }) as ChartTheme);
  const bars = [bar(1, "100"), bar(2, "101")];
  studies.show(new Set(["VWAP"]), bars);
  bars.push(bar(3, "102"), bar(4, "103"));
  studies.updated(bars, 3 as UTCTimestamp);
  expect([1, 2, 3, 4].map((place) => studies.at(place as UTCTimestamp))).toEqual(
    [100, 100.5, 101, 101.5].map((value) => [["VWAP", value]]),
  );
  expect(drawn).toEqual([3, 4]);
});
