/** The rows of the book: mounted again for each choice of what they show, by its `key`. */
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactElement } from "react";
import { fixed, NONE } from "../decimal/format";
import type { Market } from "../model/market/markets";
import type { Venue } from "../model/venue";
import { useStore } from "../reactive/useStore";
import { Rows } from "../ui/rows";
import { useVenue } from "../ui/useVenue";
import type { Choices } from "./choices";
import { LadderPainter } from "./painter";
import styles from "./book.module.css";

const COLUMNS = 4; // price, amount, total, own

const rowOf = (event: MouseEvent): string | null => (event.target as HTMLElement).closest<HTMLElement>(".row")?.id ?? null;

export function LadderBody({ market, group, sides, unit }: Choices & { market: Market; group: bigint }): ReactElement {
  const venue = useVenue();
  const { bid, ask } = useStore(venue.book.touch);
  const asks = useRef<HTMLDivElement>(null);
  const bids = useRef<HTMLDivElement>(null);
  const spread = useRef<HTMLSpanElement>(null);
  const foot = useRef<HTMLParagraphElement>(null);
  const [painter, setPainter] = useState<LadderPainter | null>(null);

  useEffect(() => {
    const [above, below] = [asks.current, bids.current];
    if (!above || !below || !spread.current || !foot.current) return undefined;
    const rows = { asks: new Rows(above, COLUMNS, "option", "ask-"), bids: new Rows(below, COLUMNS, "option", "bid-") };
    const made = new LadderPainter({ ...rows, spread: spread.current, foot: foot.current }, venue, market, group, unit);
    const fit = (): void => made.fit({ asks: above.clientHeight, bids: below.clientHeight, width: below.clientWidth });
    const observer = new ResizeObserver(fit);
    for (const side of [above, below]) observer.observe(side);
    fit();
    const stops = [venue.book.version, venue.account.orders, venue.queues.places].map((store) => store.subscribe(made.paint));
    setPainter(made);
    return () => {
      observer.disconnect();
      for (const stop of stops) stop();
      for (const side of [rows.asks, rows.bids]) side.resize(0);
    };
  }, [venue, market, group, unit]);

  const pick = useCallback(
    (event: MouseEvent<HTMLDivElement>) => {
      const id = rowOf(event);
      const picked = id && painter?.pickedOf(id);
      if (picked) venue.picked.set(picked);
    },
    [painter, venue],
  );

  const steer = useCallback(
    (event: KeyboardEvent<HTMLDivElement>) => {
      if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        event.preventDefault();
        const id = painter?.move(event.key === "ArrowUp" ? -1 : 1);
        if (id) event.currentTarget.setAttribute("aria-activedescendant", id);
      } else if (event.key === "Enter") {
        const picked = painter?.chosenPrice();
        if (picked) venue.picked.set(picked);
      }
    },
    [painter, venue],
  );

  return (
    <>
      {/* oxlint-disable-next-line jsx-a11y/no-static-element-interactions -- it has a role, one of two */}
      <div
        className={`${styles["ladder"]} ${styles[`${sides}-only`] ?? ""}`}
        role={bid === null && ask === null ? "group" : "listbox"} // a list to choose from has something in it
        tabIndex={0}
        aria-label="Prices of the book: arrow keys to move, Enter to take a price into the order form"
        onClick={pick}
        onKeyDown={steer}
        onPointerOver={(event) => painter?.hover(rowOf(event))}
        onPointerLeave={() => painter?.hover(null)}
        onBlur={() => painter?.leave()}
      >
        <div ref={asks} className={`${styles["side"]} ${styles["asks"]}`} data-side="asks" role="presentation" />
        <div className={styles["middle"]} role="presentation">
          <Last market={market} venue={venue} />
          <span ref={spread} data-part="spread" />
        </div>
        <div ref={bids} className={`${styles["side"]} ${styles["bids"]}`} data-side="bids" role="presentation" />
      </div>
      <p ref={foot} className={styles["foot"]} data-part="foot" />
    </>
  );
}

function Last({ market, venue }: { market: Market; venue: Venue }): ReactElement {
  const ticker = useStore(venue.tickers).get(market.symbol);
  return <strong className={ticker?.move ?? "flat"}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</strong>;
}
