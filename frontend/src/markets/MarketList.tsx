/** All markets with last price and the change of 24 hours; choosing one shows it. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { change, compact, direction, fixed, NONE } from "../decimal/format";
import { pair } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "./markets.css";

export function MarketList({ chosen }: { chosen: () => void }): ReactElement {
  const venue = useVenue();
  const markets = useStore(venue.markets);
  const tickers = useStore(venue.tickers);
  const selected = useStore(venue.selected);
  const [filter, setFilter] = useState("");
  const search = useRef<HTMLInputElement>(null);

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key !== "/" || isTyping) return;
      event.preventDefault();
      search.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);

  const shown = markets.filter((market) => market.symbol.includes(filter.trim().toUpperCase().replace("/", "_")));
  return (
    <section className="panel markets" aria-label="Markets">
      <div className="panel-head">
        <input
          ref={search}
          type="search"
          placeholder="Search markets  /"
          aria-label="Search markets"
          value={filter}
          onChange={(event) => setFilter(event.target.value)}
        />
      </div>
      <ul>
        {shown.map((market) => {
          const ticker = tickers.get(market.symbol);
          const tone = ticker ? direction(ticker.first, ticker.last) : "flat";
          return (
            <li key={market.symbol}>
              <button
                type="button"
                aria-current={market.symbol === selected?.symbol}
                onClick={() => {
                  venue.select(market.symbol);
                  chosen();
                }}
              >
                <span className="name">
                  <b>{market.base}</b>/{market.quote}
                </span>
                <span className={`last ${ticker?.move ?? "flat"}`}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</span>
                <span className="volume">Vol {ticker ? compact(ticker.quoteVolume) : NONE}</span>
                <span className={`change ${tone}`}>{ticker ? change(ticker.first, ticker.last) : NONE}</span>
                <span className="hidden">{pair(market)}</span>
              </button>
            </li>
          );
        })}
        {shown.length === 0 && markets.length > 0 && <li className="nothing">No market of that name</li>}
      </ul>
    </section>
  );
}
