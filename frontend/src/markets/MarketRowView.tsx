import type { ReactElement } from "react";
import { Link } from "wouter";
import { change, compact, fixed, NONE, trend } from "../decimal/format";
import { toggleFavourite } from "../model/market/favourites";
import type { MarketRow } from "../model/market/marketRows";
import { pair } from "../model/market/markets";
import { Sparkline } from "./Sparkline";
import styles from "./MarketsPage.module.css";

export function MarketRowView({ row }: { row: MarketRow }): ReactElement {
  const { market, name, ticker, spread, isFavourite } = row;
  const price = (value: bigint | null | undefined): string => (value === null || value === undefined ? NONE : fixed(value, market.priceDecimals));
  const changed = ticker ? change(ticker.first, ticker.last) : NONE;
  const tone = trend(changed);
  return (
    <tr>
      <td>
        <button
          type="button"
          className={styles["star"]}
          aria-pressed={isFavourite}
          aria-label={`Favourite ${pair(market)}`}
          onClick={() => toggleFavourite(market.symbol)}
        >
          {isFavourite ? "★" : "☆"}
        </button>
      </td>
      <td data-label="Market">
        <Link href={`/trade/${market.symbol}`} className={styles["link"]}>
          <b>{market.base}</b>/{market.quote} <span>{name}</span>
        </Link>
      </td>
      <td data-label="Last price" className="number">{price(ticker?.last)}</td>
      <td data-label="24h change" className={`number ${tone}`}>
        <span aria-hidden="true">{{ up: "▲ ", down: "▼ ", flat: "" }[tone]}</span>
        {changed}
      </td>
      <td data-label="24h volume" className="number">
        {ticker ? `${compact(ticker.quoteVolume)} ` : NONE}
        {ticker && <small>{market.quote}</small>}
      </td>
      <td data-label="Spread" className="number">{price(spread)}</td>
      <td data-label="24 hours" className="number">
        <Sparkline symbol={market.symbol} tone={tone} isTraded={ticker !== undefined} />
      </td>
    </tr>
  );
}
