/** The chart panel: which interval and indicators to see, or the book's depth instead. */
import { useEffect, useState, type ReactElement } from "react";
import { fittingInterval } from "../model/market/candles";
import { INTERVALS, type Interval } from "../model/market/intervals";
import type { Market } from "../model/market/markets";
import { Canvas } from "./Canvas";
import { rememberedInterval, rememberedStudies, rememberInterval, rememberStudies } from "./choices";
import { Depth } from "./Depth";
import { ALL, INDICATORS, type Indicator } from "./indicators";
import styles from "./chart.module.css";

/** Until the reader chooses: minutes, or seconds where the market is too young to fill a chart of minutes. */
function useFittingInterval(symbol: string, isWanted: boolean): Interval | null {
  const [fitting, setFitting] = useState<Interval | null>(null);
  useEffect(() => {
    if (!isWanted) return undefined;
    let isStopped = false;
    void fittingInterval(symbol).then((interval) => isStopped || setFitting(interval));
    return () => {
      isStopped = true;
    };
  }, [symbol, isWanted]);
  return fitting;
}

export function Chart({ market }: { market: Market }): ReactElement {
  const [chosen, setChosen] = useState(rememberedInterval);
  const fitting = useFittingInterval(market.symbol, chosen === null);
  const [studies, setStudies] = useState(rememberedStudies);
  const [isDepth, setDepth] = useState(false);
  const interval = chosen ?? fitting;
  const choose = (wanted: Interval): void => {
    rememberInterval(wanted);
    setChosen(wanted);
    setDepth(false);
  };
  const toggle = (study: Indicator): void => {
    const next = new Set(studies);
    if (!next.delete(study)) next.add(study);
    rememberStudies(next);
    setStudies(next);
  };
  return (
    <section className={`panel ${styles["panel"]}`} aria-label="Price chart">
      <div className={`panel-head ${styles["head"]}`}>
        <div className="choices" role="group" aria-label="Candle interval">
          {INTERVALS.map((each) => (
            <button key={each.name} type="button" aria-pressed={!isDepth && each === interval} onClick={() => choose(each)}>
              {each.label}
            </button>
          ))}
        </div>
        <div className="choices" role="group" aria-label="Indicators">
          {ALL.map((study) => (
            <button key={study} type="button" title={INDICATORS[study].title} disabled={isDepth} aria-pressed={studies.has(study)} onClick={() => toggle(study)}>
              {study}
            </button>
          ))}
        </div>
        <div className="choices">
          <button type="button" aria-pressed={isDepth} onClick={() => setDepth(!isDepth)}>
            Depth
          </button>
        </div>
      </div>
      {isDepth && <Depth market={market} />}
      {!isDepth && interval && <Canvas key={`${market.symbol} ${interval.name}`} market={market} interval={interval} studies={studies} />}
    </section>
  );
}
