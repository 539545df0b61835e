/** Averages and oscillators of bars. Pure; numbers, since all of it is drawn and none of it is money. */
import { parse, SCALE } from "../decimal/decimal";
import { fixed } from "../decimal/format";

export interface Bar {
  high: number;
  low: number;
  close: number;
  volume: number;
  /** Seconds. */
  time: number;
}

/** One value for each bar; null where too few bars went before. */
export type Values = (number | null)[];

/** Simple moving average of the last `length` closes. */
export function ma(bars: readonly Bar[], length: number): Values {
  let sum = 0;
  return bars.map(({ close }, index) => {
    sum += close - (bars[index - length]?.close ?? 0);
    return index < length - 1 ? null : sum / length;
  });
}

/** Exponential moving average; begins as the simple one of the first `length` closes. */
export function ema(bars: readonly Bar[], length: number): Values {
  const weight = 2 / (length + 1);
  let average: number | null = null;
  let sum = 0;
  return bars.map(({ close }, index) => {
    sum += index < length ? close : 0;
    if (index < length - 1) return null;
    average = average === null ? sum / length : average + weight * (close - average);
    return average;
  });
}

const DAY = 86_400;

/** Average price by volume since the day (UTC) or the bars began; of a bar its typical price counts. */
export function vwap(bars: readonly Bar[]): Values {
  let day = Number.NaN;
  let [worth, volume] = [0, 0];
  return bars.map((bar) => {
    const its = Math.floor(bar.time / DAY);
    if (its !== day) [day, worth, volume] = [its, 0, 0];
    worth += ((bar.high + bar.low + bar.close) / 3) * bar.volume;
    volume += bar.volume;
    return volume > 0 ? worth / volume : null;
  });
}

/** Relative strength, 0 to 100, with Wilder's smoothing. */
export function rsi(bars: readonly Bar[], length: number): Values {
  let [gain, loss] = [0, 0];
  return bars.map(({ close }, index) => {
    if (index === 0) return null;
    const move = close - (bars[index - 1] as Bar).close;
    const [up, down] = [Math.max(move, 0), Math.max(-move, 0)];
    const part = index <= length ? 1 : (length - 1) / length;
    gain = gain * part + up / length;
    loss = loss * part + down / length;
    if (index < length) return null;
    return gain + loss === 0 ? 50 : (100 * gain) / (gain + loss);
  });
}

export const RSI_BARS = 14;

/** `colour`: the name of a style sheet's property, for the line and for the figure in the legend. */
export const INDICATORS = {
  MA: { title: "Simple average of 20 closes", label: "MA 20", colour: "--warn", of: (bars: readonly Bar[]) => ma(bars, 20) },
  EMA: { title: "Exponential average of 20 closes", label: "EMA 20", colour: "--accent", of: (bars: readonly Bar[]) => ema(bars, 20) },
  VWAP: {
    title: "Average by volume since midnight UTC, or since the first bar here if that is later",
    label: "VWAP",
    colour: "--study",
    of: vwap,
  },
  RSI: { title: `Relative strength of ${RSI_BARS} bars`, label: `RSI ${RSI_BARS}`, colour: "--accent", of: (bars: readonly Bar[]) => rsi(bars, RSI_BARS) },
} as const;

export type Indicator = keyof typeof INDICATORS;

export const ALL = Object.keys(INDICATORS) as Indicator[];

/** A price, except of the one that has a scale of its own. */
export function inWords(name: Indicator, value: number, priceDecimals: number): string {
  return fixed(parse(value.toFixed(SCALE)), name === "RSI" ? 1 : priceDecimals);
}
