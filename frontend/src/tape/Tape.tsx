/** The tape: public trades, newest first, painted once per frame. */
import { useEffect, useRef, type ReactElement } from "react";
import { fixed } from "../decimal/format";
import { clock } from "../decimal/time";
import type { Market } from "../model/markets";
import { MOST_TRADES } from "../model/tape";
import { Rows } from "../ui/rows";
import { useVenue } from "../ui/useVenue";
import "./tape.css";

const ROW_PX = 20;

export function Tape({ market }: { market: Market }): ReactElement {
  const { tape } = useVenue();
  const body = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const element = body.current;
    if (!element) return undefined;
    const rows = new Rows(element, 3, "row", null);
    let newest = -1;
    const paint = (): void => {
      const trades = tape.trades.get();
      const isNew = trades.findIndex((trade) => trade.id <= newest);
      if (isNew > 0) rows.rotate(isNew);
      newest = trades[0]?.id ?? -1;
      for (let index = 0; index < rows.count; index += 1) {
        const trade = trades[index];
        const cells = trade && [
          fixed(trade.price, market.priceDecimals),
          fixed(trade.quantity, market.quantityDecimals),
          clock(trade.timeMs),
        ];
        rows.paint(index, cells ? { cells, className: trade.isSell ? "sell" : "buy", share: 0 } : null);
      }
    };
    const fit = (): void => {
      rows.resize(Math.min(MOST_TRADES, Math.max(1, Math.floor(element.clientHeight / ROW_PX))));
      paint();
    };
    const observer = new ResizeObserver(fit);
    observer.observe(element);
    fit();
    const stop = tape.trades.subscribe(paint);
    return () => {
      observer.disconnect();
      stop();
      rows.resize(0);
    };
  }, [tape, market]);

  return (
    <section className="panel tape" aria-label="Latest trades">
      <div className="panel-head">
        <h2>Trades</h2>
      </div>
      <div className="columns" aria-hidden="true">
        <span>Price</span>
        <span>Amount</span>
        <span>Time</span>
      </div>
      <div ref={body} className="rows" role="table" aria-label="Price, amount and time of the latest trades" />
    </section>
  );
}
