/** The tape: public trades, newest first, painted once per frame. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { tryTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";
import { MOST_TRADES } from "../model/market/tape";
import { recall, remember } from "../reactive/remembered";
import { Rows } from "../ui/rows";
import { useVenue } from "../ui/useVenue";
import { TapePainter } from "./painter";
import styles from "./tape.module.css";

const ROW_PX = 20;
const COLUMNS = 4; // price, amount, time, side
const BY_ORDER = "tape.byOrder";

export function Tape({ market }: { market: Market }): ReactElement {
  const { tape } = useVenue();
  const frame = useRef<HTMLElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [isByOrder, setByOrder] = useState(() => recall(BY_ORDER) !== "no");
  const [typed, setTyped] = useState("");
  const least = tryTyped(typed) ?? 0n;

  useEffect(() => {
    const [around, element] = [frame.current, body.current];
    if (!around || !element) return undefined;
    const rows = new Rows(element, COLUMNS, "row", null);
    const painter = new TapePainter(rows, around, market, { isByOrder, least });
    const paint = (): void => painter.paint(tape.trades.get());
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
  }, [tape, market, isByOrder, least]);

  return (
    <section ref={frame} className={`panel ${styles["tape"]}`} aria-label="Latest trades">
      <div className="panel-head">
        <h2>Trades</h2>
        <button
          type="button"
          className="small"
          aria-pressed={isByOrder}
          title="Trades of one taker's order as one row"
          onClick={() => {
            remember(BY_ORDER, isByOrder ? "no" : "yes");
            setByOrder(!isByOrder);
          }}
        >
          By order
        </button>
        <input
          className={styles["least"]}
          inputMode="decimal"
          aria-label={`Smallest amount shown, ${market.base}`}
          placeholder={`from 0 ${market.base}`}
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
        />
      </div>
      <div className="columns" aria-hidden="true">
        <span>Price</span>
        <span>Amount</span>
        <span>Time</span>
      </div>
      <div ref={body} className={styles["rows"]} role="table" aria-label="Price, amount, time and side of the latest trades" />
    </section>
  );
}
