/** The chart on its canvas: candles, volume, lines of own orders, and which candle the crosshair points at. */
import {
  CandlestickSeries,
  ColorType,
  createChart,
  CrosshairMode,
  HistogramSeries,
  LineStyle,
  type CandlestickData,
  type HistogramData,
  type IChartApi,
  type IPriceLine,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import { toDrawing } from "../decimal/decimal";
import type { Candle, CandleListener } from "../model/candles";
import type { Interval } from "../model/intervals";
import { frames } from "../reactive/frames";
import type { ChartTheme } from "./theme";

export interface OrderLine {
  id: string;
  price: string;
  title: string;
  isBid: boolean;
}

const VOLUME_TOP = 0.8;
const NEAR_LEFT_END = 30;
const CANDLE_PX = 8;
const DAY = 86_400;

export class Drawing implements CandleListener {
  /** The candle under the crosshair, or the newest. */
  pointed: (candle: Candle | null) => void = () => {};
  reachedLeftEnd: () => void = () => {};
  private readonly chart: IChartApi;
  private readonly prices: ISeriesApi<"Candlestick">;
  private readonly volumes: ISeriesApi<"Histogram">;
  private byTime = new Map<number, Candle>();
  private newest: Candle | null = null;
  private dirty: Candle[] = [];
  private lines: IPriceLine[] = [];
  private orders: readonly OrderLine[] = [];
  private isPlaced = false;
  private hovered: number | null = null;

  constructor(
    container: HTMLElement,
    private theme: ChartTheme,
    private readonly interval: Interval,
    priceDecimals: number,
  ) {
    const priceFormat = { type: "price" as const, precision: priceDecimals, minMove: 10 ** -priceDecimals };
    this.chart = createChart(container, { ...options(theme), autoSize: true });
    this.prices = this.chart.addSeries(CandlestickSeries, { priceFormat, ...candleColours(theme) });
    this.volumes = this.chart.addSeries(HistogramSeries, {
      priceScaleId: "",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.volumes.priceScale().applyOptions({ scaleMargins: { top: VOLUME_TOP, bottom: 0 } });
    this.chart.timeScale().applyOptions({ timeVisible: interval.seconds < DAY, secondsVisible: interval.seconds < 60 });
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && this.isPlaced && range.from < NEAR_LEFT_END) this.reachedLeftEnd();
    });
    this.chart.subscribeCrosshairMove((event) => {
      this.hovered = typeof event.time === "number" ? event.time : null;
      this.tellPointed();
    });
  }

  remove(): void {
    this.dirty = [];
    this.chart.remove();
  }

  recolour(theme: ChartTheme): void {
    this.theme = theme;
    this.chart.applyOptions(options(theme));
    this.prices.applyOptions(candleColours(theme));
    this.replaced([...this.byTime.values()]);
    this.drawOrders(this.orders);
  }

  replaced(candles: readonly Candle[]): void {
    this.byTime = new Map(candles.map((candle) => [this.place(candle), candle]));
    this.newest = candles.at(-1) ?? null;
    this.dirty = [];
    this.prices.setData(candles.map((candle) => this.bar(candle)));
    this.volumes.setData(candles.map((candle) => this.volume(candle)));
    if (!this.isPlaced && candles.length > 0) {
      const shown = Math.ceil(this.chart.timeScale().width() / CANDLE_PX) || 100;
      this.chart.timeScale().setVisibleLogicalRange({ from: candles.length - shown, to: candles.length + 4 });
      this.isPlaced = true;
    }
    this.tellPointed();
  }

  updated(candle: Candle): void {
    this.byTime.set(this.place(candle), candle);
    this.newest = candle;
    this.dirty.push(candle);
    frames.request(this.flush);
  }

  drawOrders(orders: readonly OrderLine[]): void {
    this.orders = orders;
    for (const line of this.lines) this.prices.removePriceLine(line);
    this.lines = orders.map((order) =>
      this.prices.createPriceLine({
        price: toDrawing(order.price),
        color: order.isBid ? this.theme.up : this.theme.down,
        lineWidth: 1,
        lineStyle: LineStyle.Dashed,
        axisLabelVisible: true,
        title: order.title,
      }),
    );
  }

  private readonly flush = (): void => {
    for (const candle of this.dirty) {
      this.prices.update(this.bar(candle));
      this.volumes.update(this.volume(candle));
    }
    this.dirty = [];
    this.tellPointed();
  };

  private tellPointed(): void {
    this.pointed((this.hovered === null ? undefined : this.byTime.get(this.hovered)) ?? this.newest);
  }

  /** The chart shows every time as UTC: shifted, it reads as the clock on the wall. Days stay days of UTC. */
  private place(candle: Candle): UTCTimestamp {
    if (this.interval.seconds >= DAY) return candle.time as UTCTimestamp;
    return (candle.time - new Date(candle.time * 1000).getTimezoneOffset() * 60) as UTCTimestamp;
  }

  private bar(candle: Candle): CandlestickData {
    const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map(toDrawing) as [
      number,
      number,
      number,
      number,
    ];
    return { time: this.place(candle), open, high, low, close };
  }

  private volume(candle: Candle): HistogramData {
    const isUp = toDrawing(candle.close) >= toDrawing(candle.open);
    const color = isUp ? this.theme.upVolume : this.theme.downVolume;
    return { time: this.place(candle), value: toDrawing(candle.volume), color };
  }
}

function candleColours(theme: ChartTheme): object {
  const { up, down } = theme;
  return { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false };
}

function options(theme: ChartTheme): object {
  const line = { color: theme.crosshair, labelBackgroundColor: theme.label };
  return {
    layout: {
      background: { type: ColorType.Solid, color: "transparent" },
      textColor: theme.text,
      fontFamily: theme.font,
      fontSize: 11,
      // The logo brings its own style sheet, which the content-security policy refuses; the footer names the library.
      attributionLogo: false,
    },
    grid: { vertLines: { color: theme.grid }, horzLines: { color: theme.grid } },
    crosshair: { mode: CrosshairMode.Normal, vertLine: line, horzLine: line },
    rightPriceScale: { borderColor: theme.border, scaleMargins: { top: 0.08, bottom: 1 - VOLUME_TOP + 0.03 } },
    timeScale: { borderColor: theme.border, rightOffset: 4 },
  };
}
