/** The depth ladder: asks above, spread in the middle, bids below. Painted once per frame from the live replica. */
import { useCallback, useEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactElement } from "react";
import { toText } from "../decimal/decimal";
import { fixed, NONE } from "../decimal/format";
import type { Market } from "../model/markets";
import { type Venue } from "../model/venue";
import { useStore } from "../reactive/useStore";
import { Rows } from "../ui/rows";
import { useVenue } from "../ui/useVenue";
import { Veil } from "../ui/Veil";
import { GROUPS } from "./ladder";
import { LadderPainter } from "./painter";
import "./book.css";

export function Ladder({ market }: { market: Market }): ReactElement {
  const venue = useVenue();
  const [group, setGroup] = useState(market.tick);
  const state = useStore(venue.book.state);
  return (
    <section className="panel book" aria-label="Order book">
      <div className="panel-head">
        <h2>Order book</h2>
        <label className="group">
          <span className="hidden">Price step of the book</span>
          <select value={toText(group)} onChange={(event) => setGroup(market.tick * (GROUPS[event.target.selectedIndex] ?? 1n))}>
            {GROUPS.map((times) => (
              <option key={String(times)} value={toText(market.tick * times)}>
                {toText(market.tick * times)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className="columns" aria-hidden="true">
        <span>Price ({market.quote})</span>
        <span>Amount ({market.base})</span>
        <span>Total</span>
      </div>
      <div className="ladder-frame">
        <LadderBody key={`${market.symbol} ${group}`} market={market} group={group} />
        <Veil isShown={state !== "live"} text={state === "idle" ? "Book is disconnected" : "Loading the book"} />
      </div>
    </section>
  );
}

function LadderBody({ market, group }: { market: Market; group: bigint }): ReactElement {
  const venue = useVenue();
  const frame = useRef<HTMLDivElement>(null);
  const asks = useRef<HTMLDivElement>(null);
  const bids = useRef<HTMLDivElement>(null);
  const spread = useRef<HTMLSpanElement>(null);
  const [painter, setPainter] = useState<LadderPainter | null>(null);

  useEffect(() => {
    if (!frame.current || !asks.current || !bids.current || !spread.current) return undefined;
    const rows = [new Rows(asks.current, 3, "option", "ask-"), new Rows(bids.current, 3, "option", "bid-")] as const;
    const made = new LadderPainter(...rows, spread.current, venue, market, group);
    const observer = new ResizeObserver(() => made.fit(asks.current?.clientHeight ?? 0));
    observer.observe(asks.current);
    made.fit(asks.current.clientHeight);
    const stops = [venue.book.version.subscribe(made.paint), venue.account.orders.subscribe(made.paint)];
    setPainter(made);
    return () => {
      observer.disconnect();
      for (const stop of stops) stop();
      for (const side of rows) side.resize(0);
    };
  }, [venue, market, group]);

  const pick = useCallback(
    (event: MouseEvent<HTMLDivElement>) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>(".row");
      const picked = row && painter?.pickedOf(row.id);
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
    <div
      ref={frame}
      className="ladder"
      role="listbox"
      tabIndex={0}
      aria-label="Prices of the book: arrow keys to move, Enter to take a price into the order form"
      onClick={pick}
      onKeyDown={steer}
      onBlur={() => painter?.leave()}
    >
      <div ref={asks} className="side asks" role="presentation" />
      <div className="middle" role="presentation">
        <Last market={market} venue={venue} />
        <span ref={spread} className="spread" />
      </div>
      <div ref={bids} className="side bids" role="presentation" />
    </div>
  );
}

function Last({ market, venue }: { market: Market; venue: Venue }): ReactElement {
  const ticker = useStore(venue.tickers).get(market.symbol);
  return <strong className={ticker?.move ?? "flat"}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</strong>;
}
