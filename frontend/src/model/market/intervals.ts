/** Candle widths on offer: the wire's name, the label, and the width in seconds. */
export interface Interval {
  name: string;
  label: string;
  seconds: number;
}

export const INTERVALS: readonly Interval[] = [
  { name: "1s", label: "1s", seconds: 1 },
  { name: "1m", label: "1m", seconds: 60 },
  { name: "5m", label: "5m", seconds: 300 },
  { name: "15m", label: "15m", seconds: 900 },
  { name: "1h", label: "1H", seconds: 3_600 },
  { name: "4h", label: "4H", seconds: 14_400 },
  { name: "1d", label: "1D", seconds: 86_400 },
];

export const [SECONDS, MINUTES] = INTERVALS as [Interval, Interval, ...Interval[]];
