/** How lines of orders and the scale of prices get along: near ones widen it, far ones are named at its edge. Pure. */
import { fixed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { OrderLine } from "./orderLines";

interface Span {
  minValue: number;
  maxValue: number;
}

/** So far beyond the bars, as a part of their height, a line widens the scale; further ones would flatten the bars. */
const NEAR = 0.25;

export function widened(bars: Span, lines: readonly number[]): Span {
  const room = (bars.maxValue - bars.minValue) * NEAR;
  const near = lines.filter((price) => price >= bars.minValue - room && price <= bars.maxValue + room);
  return { minValue: Math.min(bars.minValue, ...near), maxValue: Math.max(bars.maxValue, ...near) };
}

/** Lines that are out of sight, the nearest first. */
export interface Beyond {
  above: readonly OrderLine[];
  below: readonly OrderLine[];
}

export const NOTHING_BEYOND: Beyond = { above: [], below: [] };

export const isSameBeyond = (a: Beyond, b: Beyond): boolean =>
  ([[a.above, b.above], [a.below, b.below]] as const).every(([x, y]) => x.length === y.length && x.every((line, at) => line === y[at]));

/** "Sell 2 at 165.00, 3 more": the nearest one, and how many lie behind it. */
export function beyondInWords([nearest, ...others]: readonly OrderLine[], { priceDecimals }: Market): string {
  if (!nearest) return "";
  return `${nearest.title} at ${fixed(nearest.price, priceDecimals)}${others.length > 0 ? `, ${others.length} more` : ""}`;
}
