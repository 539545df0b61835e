/**
 * Keeps the ticks of the price axis clear of its labels: the library draws a label over whatever tick stands there, of
 * which the upper or the lower half then looks out. A tick that would be touched has no text; its line in the grid stays.
 */
import type { ISeriesApi } from "lightweight-charts";
import { parse } from "../decimal/decimal";
import { fixed } from "../decimal/format";

const LABEL_PX = 16;
const TEXT_PX = 10;

/**
 * Where labels stand, in pixels from above: at their prices or, where they would overlap, pushed by the library away from
 * the one at the last price.
 */
export function stacked(coordinates: readonly number[], last: number): number[] {
  const ascending = coordinates.toSorted((a, b) => a - b);
  const above: number[] = [];
  for (const at of ascending.filter((each) => each <= last).toReversed()) above.push(Math.min(at, (above.at(-1) ?? Infinity) - LABEL_PX));
  const below: number[] = [];
  for (const at of ascending.filter((each) => each > last)) below.push(Math.max(at, (below.at(-1) ?? above[0] ?? -Infinity) + LABEL_PX));
  return [...above.toReversed(), ...below];
}

export function isTouched(at: number, labels: readonly number[]): boolean {
  return labels.some((label) => Math.abs(label - at) < (LABEL_PX + TEXT_PX) / 2);
}

export class AxisLabels {
  private labels: number[] = [];
  private written = "";

  constructor(
    private readonly prices: ISeriesApi<"Candlestick">,
    private readonly decimals: number,
  ) {
    this.write();
  }

  /** Of lines at these heights. The library asks for the ticks' texts when the scale moves, else when it is told to. */
  keepClear(lines: readonly number[], last: number | null): void {
    this.labels = stacked((last === null ? lines : [...lines, last]).map(Math.round), last ?? 0);
    const key = String(this.labels);
    if (key === this.written) return;
    this.written = key;
    this.write();
  }

  private write(): void {
    const formatter = (price: number): string => fixed(parse(price.toFixed(this.decimals)), this.decimals);
    const tickmarksFormatter = (ticks: number[]): string[] => ticks.map((price) => (this.isCovered(price) ? "" : formatter(price)));
    this.prices.applyOptions({ priceFormat: { type: "custom", minMove: 10 ** -this.decimals, formatter, tickmarksFormatter } });
  }

  private isCovered(price: number): boolean {
    const at = this.prices.priceToCoordinate(price);
    return at !== null && isTouched(at, this.labels);
  }
}
