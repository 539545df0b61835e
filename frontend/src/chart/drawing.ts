/** The chart on its canvas: candles, volume, the last price, and which candle the crosshair points at. */
import {
  CandlestickSeries,
  createChart,
  createSeriesMarkers,
  HistogramSeries,
  LineStyle,
  type CandlestickData,
  type HistogramData,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type ISeriesMarkersPluginApi,
  type Time,
  type UTCTimestamp,
} from "lightweight-charts";
import { parse, toDrawing } from "../decimal/decimal";
import { direction } from "../decimal/format";
import type { Candle, CandleListener } from "../model/market/candles";
import type { Interval } from "../model/market/intervals";
import { frames } from "../reactive/frames";
import { AxisLabels } from "./axisLabels";
import type { FillMark } from "./fillMarks";
import type { Indicator } from "./indicators";
import { OrderLayer } from "./orderLayer";
import { Studies, type Readings } from "./studies";
import { candleColours, options, type ChartTheme } from "./theme";

const VOLUME_TOP = 0.8;
const NEAR_LEFT_END = 30;
const CANDLE_PX = 8;
const LEAST_SHOWN = 60;
const DAY = 86_400;

/** The bar that is read in the legend. */
export interface Reading {
  candle: Candle;
  studies: Readings;
}

/** Where the crosshair stands. */
export interface Step {
  candle: Candle;
  position: number;
  count: number;
}

export class Drawing implements CandleListener {
  /** The bar under the crosshair, or the newest. */
  pointed: (reading: Reading | null) => void = () => {};
  reachedLeftEnd: () => void = () => {};
  /** Whether the newest bar is on the screen. */
  scrolled: (isAtNow: boolean) => void = () => {};
  /** Whether there is anything to see. */
  filled: (isEmpty: boolean) => void = () => {};
  /** Whether the oscillator's pane is empty, for want of bars. */
  awaited: (isEmpty: boolean) => void = () => {};
  readonly orders: OrderLayer;
  private readonly chart: IChartApi;
  private readonly prices: ISeriesApi<"Candlestick">;
  private readonly volumes: ISeriesApi<"Histogram">;
  private readonly marks: ISeriesMarkersPluginApi<Time>;
  private readonly last: IPriceLine;
  private readonly studies: Studies;
  private readonly resized: ResizeObserver;
  /** Ascending. */
  private byTime = new Map<UTCTimestamp, Candle>();
  private newest: Candle | null = null;
  private dirty: Candle[] = [];
  private fills: readonly FillMark[] = [];
  private isPlaced = false;
  private isRemoved = false;
  private hovered: UTCTimestamp | null = null;
  /** The same, by keyboard: it stays there while bars come and the chart moves on. */
  private steered: UTCTimestamp | null = null;

  constructor(
    container: HTMLElement,
    private theme: ChartTheme,
    private readonly interval: Interval,
    priceDecimals: number,
  ) {
    this.chart = createChart(container, { ...options(theme, VOLUME_TOP), autoSize: true });
    // The library's own label is of the last bar in sight, its line of the last bar there is: scrolled back, they differ.
    const noLast = { lastValueVisible: false, priceLineVisible: false };
    this.prices = this.chart.addSeries(CandlestickSeries, { ...noLast, ...candleColours(theme) });
    this.last = this.prices.createPriceLine({ price: 0, lineWidth: 1, lineStyle: LineStyle.Dotted, axisLabelVisible: false, lineVisible: false });
    this.volumes = this.chart.addSeries(HistogramSeries, { priceScaleId: "", priceFormat: { type: "volume" }, ...noLast });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: VOLUME_TOP, bottom: 0 } });
    this.marks = createSeriesMarkers(this.prices);
    this.orders = new OrderLayer(container, this.chart, this.prices, () => this.theme);
    const axis = new AxisLabels(this.prices, priceDecimals);
    this.orders.labelled = (coordinates) => {
      const last = this.newest && this.prices.priceToCoordinate(toDrawing(this.newest.close));
      axis.keepClear(coordinates, last);
    };
    this.studies = new Studies(this.chart, () => this.theme);
    this.chart.timeScale().applyOptions({ timeVisible: interval.seconds < DAY, secondsVisible: interval.seconds < 60 });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (!range || !this.isPlaced) return;
      this.orders.settleSoon();
      if (range.from < NEAR_LEFT_END) this.reachedLeftEnd();
      this.scrolled(range.to >= this.byTime.size - 1);
    });
    this.resized = new ResizeObserver(this.orders.settleSoon);
    this.resized.observe(container);
    this.chart.subscribeCrosshairMove((event) => {
      if (this.steered !== null && !event.sourceEvent) return; // no pointer: the chart has moved under it
      this.steered = null;
      this.hovered = typeof event.time === "number" ? (event.time as UTCTimestamp) : null;
      this.orders.settleSoon(); // whoever drags a scale moves the pointer
      this.tellPointed();
    });
  }

  remove(): void {
    this.isRemoved = true;
    this.resized.disconnect();
    this.orders.remove();
    this.chart.remove();
  }

  recolour(theme: ChartTheme): void {
    this.theme = theme;
    this.chart.applyOptions(options(theme, VOLUME_TOP));
    this.prices.applyOptions(candleColours(theme));
    this.replaced([...this.byTime.values()]);
    this.orders.redraw();
    this.studies.recolour();
    this.drawFills(this.fills);
  }

  replaced(candles: readonly Candle[]): void {
    this.byTime = new Map(candles.map((candle) => [this.place(candle.time), candle]));
    this.newest = candles.at(-1) ?? null;
    this.dirty = [];
    this.prices.setData(candles.map((candle) => this.bar(candle)));
    this.volumes.setData(candles.map((candle) => this.volume(candle)));
    if (!this.isPlaced && candles.length > 0) {
      const shown = Math.max(LEAST_SHOWN, Math.ceil(this.chart.timeScale().width() / CANDLE_PX));
      this.chart.timeScale().setVisibleLogicalRange({ from: candles.length - shown, to: candles.length + 4 });
      this.isPlaced = true;
    }
    this.studies.replaced(this.bars());
    this.tellNewest();
  }

  updated(candle: Candle): void {
    this.byTime.set(this.place(candle.time), candle);
    this.newest = candle;
    this.dirty.push(candle);
    frames.request(this.flush);
  }

  study(wanted: ReadonlySet<Indicator>): void {
    this.studies.show(wanted, this.bars());
    this.tellStudies();
    this.tellPointed();
  }

  drawFills(fills: readonly FillMark[]): void {
    this.fills = fills;
    this.marks.setMarkers(
      fills.map(({ time, side, text }) => ({
        time: this.place(time),
        position: side === "Bid" ? "belowBar" : "aboveBar",
        shape: side === "Bid" ? "arrowUp" : "arrowDown",
        color: side === "Bid" ? this.theme.up : this.theme.down,
        text,
      })),
    );
  }

  now(): void {
    this.chart.timeScale().scrollToRealTime();
  }

  /** Moves the crosshair by so many bars from where it is, or from the newest; into sight, if it is not. */
  step(by: number): Step | null {
    const times = [...this.byTime.keys()];
    const from = this.hovered === null ? times.length - 1 - Math.sign(by) : times.indexOf(this.hovered);
    const at = Math.min(Math.max(from + by, 0), times.length - 1);
    const [time, candle] = [times[at], times[at] === undefined ? undefined : this.byTime.get(times[at])];
    if (time === undefined || !candle) return null;
    const range = this.chart.timeScale().getVisibleLogicalRange();
    const shift = !range ? 0 : at < range.from + 1 ? at - range.from - 1 : at > range.to - 1 ? at - range.to + 1 : 0;
    if (range && shift !== 0) this.chart.timeScale().setVisibleLogicalRange({ from: range.from + shift, to: range.to + shift });
    this.hovered = this.steered = time;
    this.hold();
    this.tellPointed();
    return { candle, position: at + 1, count: times.length };
  }

  private hold(): void {
    const candle = this.steered === null ? undefined : this.byTime.get(this.steered);
    if (candle) this.chart.setCrosshairPosition(toDrawing(candle.close), this.place(candle.time), this.prices);
  }

  leave(): void {
    this.hovered = this.steered = null;
    this.chart.clearCrosshairPosition();
    this.tellPointed();
  }

  private readonly flush = (): void => {
    const [first] = this.dirty;
    if (this.isRemoved || !first) return; // between asking for a frame and the frame
    for (const candle of this.dirty) {
      this.prices.update(this.bar(candle));
      this.volumes.update(this.volume(candle));
    }
    this.dirty = [];
    this.studies.updated(this.bars(), this.place(first.time));
    this.hold();
    this.tellNewest();
  };

  private tellNewest(): void {
    this.orders.settleSoon();
    this.filled(this.newest === null);
    if (this.newest) {
      const price = toDrawing(this.newest.close);
      this.last.applyOptions({ price, color: this.tone(this.newest, "candle"), axisLabelVisible: true, lineVisible: true });
    }
    this.tellStudies();
    this.tellPointed();
  }

  private tellStudies(): void {
    const figures = this.newest ? this.studies.at(this.place(this.newest.time)) : [];
    this.awaited(figures.some(([name, value]) => name === "RSI" && value === null));
  }

  private tellPointed(): void {
    const candle = (this.hovered === null ? undefined : this.byTime.get(this.hovered)) ?? this.newest;
    this.pointed(candle && { candle, studies: this.studies.at(this.place(candle.time)) });
  }

  /** The chart shows every time as UTC: shifted, it reads as the clock on the wall. Days stay days of UTC. */
  private place(seconds: number): UTCTimestamp {
    if (this.interval.seconds >= DAY) return seconds as UTCTimestamp;
    return (seconds - new Date(seconds * 1000).getTimezoneOffset() * 60) as UTCTimestamp;
  }

  private bars(): Parameters<Studies["replaced"]>[0] {
    return [...this.byTime].map(([place, candle]) => ({ place, candle }));
  }

  private tone(candle: Candle, of: "candle" | "volume"): string {
    const { up, down, flat, upVolume, downVolume, flatVolume } = this.theme;
    const colours = of === "candle" ? { up, down, flat } : { up: upVolume, down: downVolume, flat: flatVolume };
    return colours[tone(candle)];
  }

  private bar(candle: Candle): CandlestickData<UTCTimestamp> {
    const { open, high, low, close } = candle;
    const data = { time: this.place(candle.time), open: toDrawing(open), high: toDrawing(high), low: toDrawing(low), close: toDrawing(close) };
    const { flat } = this.theme;
    return tone(candle) === "flat" ? { ...data, color: flat, wickColor: flat, borderColor: flat } : data;
  }

  private volume(candle: Candle): HistogramData<UTCTimestamp> {
    return { time: this.place(candle.time), value: toDrawing(candle.volume), color: this.tone(candle, "volume") };
  }
}

/** A bar that closes where it opened went neither way. */
export function tone(candle: Candle): "up" | "down" | "flat" {
  return direction(parse(candle.open), parse(candle.close));
}
