/** The lines of own orders on the chart, and dragging them to another price. Non-goal: what a move does to the orders. */
import { LineStyle, type AutoscaleInfo, type IChartApi, type IPriceLine, type ISeriesApi } from "lightweight-charts";
import { parse, toDrawing, toText } from "../decimal/decimal";
import { frames } from "../reactive/frames";
import type { OrderLine } from "./orderLines";
import { isSameBeyond, NOTHING_BEYOND, widened, type Beyond } from "./orderScale";
import type { ChartTheme } from "./theme";

const NEAR_PX = 5;
const NEAR_FINGER_PX = 14;

const drawnPrice = (line: OrderLine): number => toDrawing(toText(line.price));

export class OrderLayer {
  /** A line was dropped at a price; it stays there until the orders say otherwise, or `redraw`. */
  moved: (line: OrderLine, price: bigint) => void = () => {};
  /** Where the labels of those in sight stand, whenever they may have moved. */
  labelled: (coordinates: readonly number[]) => void = () => {};
  /** Other lines than before are out of sight. */
  hidden: (beyond: Beyond) => void = () => {};
  private drawn = new Map<IPriceLine, OrderLine>();
  private lines: readonly OrderLine[] = [];
  private beyond: Beyond = NOTHING_BEYOND;
  private isRemoved = false;
  private tick = 1n;
  private dragged: { drawn: IPriceLine; line: OrderLine; price: bigint } | null = null;

  constructor(
    private readonly container: HTMLElement,
    private readonly chart: IChartApi,
    private readonly prices: ISeriesApi<"Candlestick">,
    private readonly theme: () => ChartTheme,
  ) {
    prices.applyOptions({
      autoscaleInfoProvider: (original: () => AutoscaleInfo | null) => {
        const info = original();
        return info?.priceRange ? { ...info, priceRange: widened(info.priceRange, this.lines.map(drawnPrice)) } : info;
      },
    });
    container.addEventListener("pointerdown", this.press, { capture: true });
    container.addEventListener("pointermove", this.move, { capture: true });
    container.addEventListener("pointerup", this.release, { capture: true });
    container.addEventListener("pointercancel", this.giveUp);
    container.addEventListener("keydown", this.key);
  }

  remove(): void {
    this.isRemoved = true;
    this.container.removeEventListener("pointerdown", this.press, { capture: true });
    this.container.removeEventListener("pointermove", this.move, { capture: true });
    this.container.removeEventListener("pointerup", this.release, { capture: true });
    this.container.removeEventListener("pointercancel", this.giveUp);
    this.container.removeEventListener("keydown", this.key);
  }

  draw(lines: readonly OrderLine[], tick: bigint): void {
    this.lines = lines;
    this.tick = tick;
    if (!this.dragged) this.redraw();
  }

  redraw(): void {
    for (const drawn of this.drawn.keys()) this.prices.removePriceLine(drawn);
    this.drawn = new Map(this.lines.map((line) => [this.prices.createPriceLine(this.style(line)), line]));
    this.settleSoon();
  }

  /** Whenever the scale may have moved. It moves when the chart is painted, which may be after this frame's other work. */
  readonly settleSoon = (): void => {
    frames.request(this.settle);
    frames.request(this.settleNext);
  };

  private readonly settleNext = (): void => frames.request(this.settle);

  /** Labels only where their lines are: the library would pile up those of prices out of sight over the candles. */
  private readonly settle = (): void => {
    if (this.isRemoved) return; // between asking for a frame and the frame
    const height = this.paneHeight();
    const [above, below]: [OrderLine[], OrderLine[]] = [[], []];
    const labels: number[] = [];
    for (const [drawn, line] of this.drawn) {
      const { price, axisLabelVisible } = drawn.options();
      const at = this.prices.priceToCoordinate(price);
      const isInSight = at !== null && at >= 0 && at <= height;
      if (isInSight !== axisLabelVisible) drawn.applyOptions({ axisLabelVisible: isInSight });
      if (isInSight) labels.push(at);
      else if (at !== null) (at < 0 ? above : below).push(line);
    }
    this.labelled(labels);
    const beyond = { above: above.toSorted((a, b) => Number(a.price - b.price)), below: below.toSorted((a, b) => Number(b.price - a.price)) };
    if (isSameBeyond(beyond, this.beyond)) return;
    this.beyond = beyond;
    this.hidden(beyond);
  };

  private style(line: OrderLine): Parameters<ISeriesApi<"Candlestick">["createPriceLine"]>[0] {
    const { up, down } = this.theme();
    return {
      price: drawnPrice(line),
      color: line.side === "Bid" ? up : down,
      lineWidth: 1,
      lineStyle: line.isTrigger ? LineStyle.SparseDotted : LineStyle.Dashed,
      axisLabelVisible: false, // until it is known to be in sight
      title: line.title,
    };
  }

  /** The line under the pointer, where it is drawn: what a price below the pane would be is in a study's. */
  private find(event: PointerEvent): [IPriceLine, OrderLine] | null {
    const y = this.height(event);
    if (y > this.paneHeight()) return null;
    const near = event.pointerType === "mouse" ? NEAR_PX : NEAR_FINGER_PX;
    for (const [drawn, line] of this.drawn) {
      const at = this.prices.priceToCoordinate(drawn.options().price);
      const isDrawn = at !== null && at >= 0 && at <= this.paneHeight();
      if (!line.isTrigger && isDrawn && Math.abs(at - y) <= near) return [drawn, line];
    }
    return null;
  }

  private paneHeight(): number {
    return this.chart.panes()[0]?.getHeight() ?? 0;
  }

  private height(event: PointerEvent): number {
    return event.clientY - this.container.getBoundingClientRect().top;
  }

  private readonly press = (event: PointerEvent): void => {
    const found = event.button === 0 ? this.find(event) : null;
    if (!found) return;
    const [drawn, line] = found;
    this.dragged = { drawn, line, price: line.price };
    this.chart.applyOptions({ handleScroll: false, handleScale: false });
    this.container.setPointerCapture(event.pointerId);
  };

  private readonly move = (event: PointerEvent): void => {
    if (!this.dragged) {
      this.container.style.cursor = event.buttons === 0 && this.find(event) ? "ns-resize" : "";
      return;
    }
    const y = Math.min(Math.max(this.height(event), 0), this.paneHeight()); // where prices can be read
    const price = this.onGrid(this.prices.coordinateToPrice(y));
    if (price === null) return;
    this.dragged.price = price;
    this.dragged.drawn.applyOptions({ price: toDrawing(toText(price)) });
  };

  /** What the canvas calls a price, rounded to the market's grid: from here on it is exact. */
  private onGrid(drawn: number | null): bigint | null {
    if (drawn === null || drawn <= 0) return null;
    const value = parse(drawn.toFixed(18));
    const price = ((value + this.tick / 2n) / this.tick) * this.tick;
    return price > 0n ? price : null;
  }

  private readonly release = (): void => {
    const { dragged } = this;
    this.end();
    if (!dragged) return;
    if (dragged.price === dragged.line.price) this.redraw();
    else this.moved(dragged.line, dragged.price);
  };

  private readonly giveUp = (): void => {
    if (!this.dragged) return;
    this.end();
    this.redraw();
  };

  private readonly key = (event: KeyboardEvent): void => {
    if (event.key === "Escape") this.giveUp();
  };

  private end(): void {
    this.dragged = null;
    this.chart.applyOptions({ handleScroll: true, handleScale: true });
  }
}
