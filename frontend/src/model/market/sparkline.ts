/** The day of a market as a line: closes of its quarters of an hour. Geometry, not money. */
import { klines } from "../../api/public";
import type { WireKline } from "../../api/types";
import { toDrawing } from "../../decimal/decimal";

const INTERVAL = "15m";
const DAY_S = 86_400;

export function closesOf(candles: readonly WireKline[]): number[] {
  return candles.flatMap(({ close }) => (close === null ? [] : [toDrawing(close)]));
}

export async function dayOf(symbol: string, nowMs: number): Promise<number[]> {
  const now = Math.floor(nowMs / 1000);
  return closesOf(await klines(symbol, INTERVAL, now - DAY_S, now + 1));
}

/** Points of an SVG polyline in a box of this size; a line that never moved stands in the middle. */
export function pointsOf(closes: readonly number[], width: number, height: number): string {
  if (closes.length === 0) return "";
  const values = closes.length === 1 ? [...closes, ...closes] : closes;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const y = (value: number): number => (high === low ? height / 2 : height - ((value - low) / (high - low)) * height);
  return values.map((value, at) => `${((at / (values.length - 1)) * width).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
}
