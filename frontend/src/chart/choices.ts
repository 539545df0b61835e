/** What the reader chose to see of the chart, remembered by the browser. */
import { INTERVALS, type Interval } from "../model/market/intervals";
import { recall, remember } from "../reactive/remembered";
import { ALL, type Indicator } from "./indicators";

const INTERVAL = "chart.interval";
const STUDIES = "chart.indicators";

export function rememberedInterval(): Interval | null {
  const name = recall(INTERVAL);
  return INTERVALS.find((interval) => interval.name === name) ?? null;
}

export function rememberInterval({ name }: Interval): void {
  remember(INTERVAL, name);
}

export function rememberedStudies(): ReadonlySet<Indicator> {
  const names = (recall(STUDIES) ?? "").split(",");
  return new Set(ALL.filter((each) => names.includes(each)));
}

export function rememberStudies(studies: ReadonlySet<Indicator>): void {
  remember(STUDIES, [...studies].join());
}
