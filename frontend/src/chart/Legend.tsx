/** One candle in text, above the drawing: over it, labels of orders would run into it. */
import type { ReactElement } from "react";
import { parse } from "../decimal/decimal";
import { change, compact, fixed } from "../decimal/format";
import type { Candle } from "../model/candles";
import type { Market } from "../model/markets";
import { tone } from "./drawing";

export function Legend({ candle, market }: { candle: Candle | null; market: Market }): ReactElement {
  if (!candle) return <dl className="legend" />;
  const price = (text: string): string => fixed(parse(text), market.priceDecimals);
  return (
    <dl className={`legend ${tone(candle)}`}>
      {[["O", candle.open], ["H", candle.high], ["L", candle.low], ["C", candle.close]].map(([name, text]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{price(text as string)}</dd>
        </div>
      ))}
      <div>
        <dt className="hidden">Change</dt>
        <dd>{change(parse(candle.open), parse(candle.close))}</dd>
      </div>
      <div>
        <dt>Vol</dt>
        <dd>{compact(parse(candle.volume))}</dd>
      </div>
    </dl>
  );
}
