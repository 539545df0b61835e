/** One bar in text, above the drawing: over it, labels of orders would run into it. */
import type { ReactElement } from "react";
import { parse } from "../decimal/decimal";
import { change, compact, fixed, NONE, trend } from "../decimal/format";
import type { Market } from "../model/market/markets";
import { tone, type Reading } from "./drawing";
import { INDICATORS, inWords } from "./indicators";
import styles from "./chart.module.css";

export function Legend({ reading, market }: { reading: Reading | null; market: Market }): ReactElement {
  if (!reading) return <div className={styles["legend"]} />;
  const { candle, studies } = reading;
  const price = (text: string): string => fixed(parse(text), market.priceDecimals);
  const changed = change(parse(candle.open), parse(candle.close));
  return (
    <div className={styles["legend"]}>
      <dl className={styles[tone(candle)]} aria-label="Bar">
        {[["O", candle.open], ["H", candle.high], ["L", candle.low], ["C", candle.close]].map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{price(text as string)}</dd>
          </div>
        ))}
        <div>
          <dt className="hidden">Change</dt>
          <dd className={styles[trend(changed)]}>{changed}</dd>
        </div>
        <div>
          <dt>Vol</dt>
          <dd>{compact(parse(candle.volume))}</dd>
        </div>
      </dl>
      {studies.length > 0 && (
        <dl aria-label="Indicators of the bar">
          {studies.map(([name, value]) => (
            <div key={name} style={{ color: `var(${INDICATORS[name].colour})` }}>
              <dt>{INDICATORS[name].label}</dt>
              <dd>{value === null ? NONE : inWords(name, value, market.priceDecimals)}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
