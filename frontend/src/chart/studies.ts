/** The indicators that are switched on, as lines over the candles; the oscillator has a pane of its own below them. */
import { LineSeries, type IChartApi, type ISeriesApi, type LineData, type UTCTimestamp, type WhitespaceData } from "lightweight-charts";
import { toDrawing } from "../decimal/decimal";
import type { Candle } from "../model/market/candles";
import { ALL, INDICATORS, type Bar, type Indicator } from "./indicators";
import type { ChartTheme } from "./theme";

interface PlacedCandle {
  place: UTCTimestamp;
  candle: Candle;
}

const PANE_PX = 90;

/** What an indicator says of one bar; null where too few bars went before. */
export type Readings = readonly (readonly [name: Indicator, value: number | null])[];

export class Studies {
  private readonly shown = new Map<Indicator, ISeriesApi<"Line">>();
  /** By indicator and place. */
  private readonly values = new Map<Indicator, Map<UTCTimestamp, number | null>>();

  constructor(
    private readonly chart: IChartApi,
    private readonly theme: () => ChartTheme,
  ) {}

  show(wanted: ReadonlySet<Indicator>, candles: readonly PlacedCandle[]): void {
    for (const [name, series] of this.shown) {
      if (wanted.has(name)) continue;
      this.chart.removeSeries(series);
      this.shown.delete(name);
      this.values.delete(name);
    }
    for (const name of wanted) if (!this.shown.has(name)) this.shown.set(name, this.add(name));
    this.replaced(candles);
  }

  replaced(candles: readonly PlacedCandle[]): void {
    if (this.shown.size === 0) return;
    const bars = candles.map(toBar);
    for (const [name, series] of this.shown) {
      const values = INDICATORS[name].of(bars);
      this.values.set(name, new Map(candles.map(({ place }, index) => [place, values[index] ?? null])));
      series.setData(candles.map(({ place }, index) => point(place, values[index] ?? null)));
    }
  }

  /** Of the bar at this place, in the order of the switches. */
  at(place: UTCTimestamp): Readings {
    return ALL.flatMap((name) => {
      const values = this.values.get(name);
      return values ? [[name, values.get(place) ?? null] as const] : [];
    });
  }

  /** The bars from this place on changed, or were added: between two frames there may be several. */
  updated(candles: readonly PlacedCandle[], since: UTCTimestamp): void {
    if (this.shown.size === 0) return;
    const bars = candles.map(toBar);
    for (const [name, series] of this.shown) {
      const values = INDICATORS[name].of(bars);
      candles.forEach(({ place }, index) => {
        if (place < since) return;
        const value = values[index] ?? null;
        this.values.get(name)?.set(place, value);
        series.update(point(place, value));
      });
    }
  }

  recolour(): void {
    for (const [name, series] of this.shown) series.applyOptions({ color: this.theme().studies[name] });
  }

  private add(name: Indicator): ISeriesApi<"Line"> {
    const isBelow = name === "RSI";
    const style = { color: this.theme().studies[name], lineWidth: 1 as const, lastValueVisible: false, priceLineVisible: false, crosshairMarkerVisible: false };
    // The scale of prices is that of the candles: an average that is far away must not flatten them.
    const scale = isBelow ? {} : { autoscaleInfoProvider: () => null };
    const series = this.chart.addSeries(LineSeries, { ...style, ...scale }, isBelow ? 1 : 0);
    if (isBelow) this.chart.panes()[1]?.setHeight(PANE_PX);
    return series;
  }
}

function toBar({ candle }: PlacedCandle): Bar {
  const { time, high, low, close, volume } = candle;
  return { time, high: toDrawing(high), low: toDrawing(low), close: toDrawing(close), volume: toDrawing(volume) };
}

function point(time: UTCTimestamp, value: number | null): LineData<UTCTimestamp> | WhitespaceData<UTCTimestamp> {
  return value === null ? { time } : { time, value };
}
