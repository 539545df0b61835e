/** All markets with last price and the change of 24 hours; choosing one shows it. */
import { useState, type ReactElement } from "react";
import { Link } from "wouter";
import { change, compact, direction, fixed, NONE } from "../decimal/format";
import { pair } from "../model/markets";
import { search } from "../model/search";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "./markets.css";

export function MarketList(): ReactElement {
  const venue = useVenue();
  const markets = useStore(venue.markets);
  const tickers = useStore(venue.tickers);
  const selected = useStore(venue.selected);
  const [filter, setFilter] = useState("");
  const shown = search(markets, useStore(venue.names), filter);
  return (
    <section className="panel markets" aria-label="Markets">
      <div className="panel-head">
        <input
          type="search"
          placeholder="Filter markets"
          aria-label="Filter markets"
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
              <Link href={`/trade/${market.symbol}`} aria-current={market.symbol === selected?.symbol}>
                <span className="name">
                  <b>{market.base}</b>/{market.quote}
                </span>
                <span className={`last ${ticker?.move ?? "flat"}`}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</span>
                <span className="volume">Vol {ticker ? compact(ticker.quoteVolume) : NONE}</span>
                <span className={`change ${tone}`}>{ticker ? change(ticker.first, ticker.last) : NONE}</span>
                <span className="hidden">{pair(market)}</span>
              </Link>
            </li>
          );
        })}
        {shown.length === 0 && markets.length > 0 && <li className="nothing">No market of that name</li>}
      </ul>
    </section>
  );
}
