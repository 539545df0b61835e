/** The readings of the last minutes, and the lines drawn of them. They are kept in the page: nobody else remembers. */
import { FACTS, STAGES, stageTimes, type AdminStatus, type Percentiles, type Value } from "./facts";

const MOST = 300; // readings: five minutes, one a second
const LEAST_SPAN = 60; // readings that the width of a chart stands for at the beginning
const STAGE_READINGS = 10; // over which percentiles are taken: there may be few orders in one

export interface Reading {
  atMs: number;
  status: AdminStatus;
}

export interface History {
  /** The newest readings, as many as percentiles need. */
  readings: readonly Reading[];
  times: readonly number[];
  facts: ReadonlyMap<string, readonly Value[]>;
  stages: ReadonlyMap<string, readonly Percentiles[]>;
}

export const NOTHING: History = { readings: [], times: [], facts: new Map(), stages: new Map() };

const longer = <T>(former: readonly T[] | undefined, value: T): readonly T[] => [...(former ?? []), value].slice(-MOST);

/** The first reading gives no point: rates need two. */
export function withReading(history: History, reading: Reading): History {
  const readings = [...history.readings, reading].slice(-STAGE_READINGS - 1);
  const [first, last] = [readings[0], readings.at(-2)];
  if (!first || !last) return { ...history, readings };
  const { status } = reading;
  return {
    readings,
    times: longer(history.times, reading.atMs),
    facts: new Map(FACTS.map(({ id, read }) => [id, longer(history.facts.get(id), read(last.status, status))])),
    stages: new Map(
      STAGES.map((stage) => [stage, longer(history.stages.get(stage), stageTimes(first.status, status, stage))]),
    ),
  };
}

/** "1,234", "0.52", "–" for what nobody says. */
export function inWords(value: Value, unit = ""): string {
  if (value === null) return "–";
  if (value === Infinity) return "> 10 s";
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 2;
  return `${value.toLocaleString("en", { maximumFractionDigits: digits })}${unit}`;
}

/** µs, ms or s, whichever has few digits. */
export function duration(microseconds: Value): string {
  if (microseconds === null || microseconds === Infinity) return inWords(microseconds);
  if (microseconds < 1_000) return inWords(microseconds, " µs");
  return microseconds < 1_000_000 ? inWords(microseconds / 1_000, " ms") : inWords(microseconds / 1_000_000, " s");
}

/** The largest known value: what the height of a chart stands for. */
export function topOf(values: readonly Value[]): number {
  return Math.max(...values.filter((value): value is number => value !== null && value !== Infinity), 1e-9);
}

/** The points of SVG polylines, one a reading, the newest at the right; a gap where nobody said anything. */
export function polylines(values: readonly Value[], width: number, height: number): string[] {
  const top = topOf(values);
  const step = width / (Math.max(values.length, LEAST_SPAN) - 1);
  const lines: string[][] = [[]];
  values.forEach((value, place) => {
    if (value === null) return void lines.push([]);
    const x = width - (values.length - 1 - place) * step;
    const y = height - (Math.min(value, top) / top) * height;
    lines.at(-1)?.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  });
  return lines.filter((points) => points.length > 1).map((points) => points.join(" "));
}
