/** The market on the screen in figures: last price, and its 24 hours. */
import { useEffect, type ReactElement } from "react";
import { change, compact, fixed, NONE, signed, trend } from "../decimal/format";
import { pair, type Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./stats.module.css";

export function Stats({ market }: { market: Market }): ReactElement {
  const venue = useVenue();
  const ticker = useStore(venue.tickers).get(market.symbol);
  const price = (value: bigint | undefined): string => (value === undefined ? NONE : fixed(value, market.priceDecimals));
  const last = price(ticker?.last);
  const changed = ticker ? change(ticker.first, ticker.last) : NONE;
  const tone = trend(changed);

  useEffect(() => {
    document.title = `${last} ${pair(market)}`;
  }, [last, market]);

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls where it is narrow: arrows do that
    <dl className={styles["stats"]} tabIndex={0} aria-label={`24 hours of ${pair(market)}`}>
      <div className={styles["last"]}>
        <dt className="hidden">Last price</dt>
        <dd className={ticker?.move ?? "flat"} data-testid="last-price">{last}</dd>
      </div>
      <div>
        <dt>24h change</dt>
        <dd className={tone} data-trend={tone}>
          {ticker ? `${signed(ticker.last - ticker.first, market.priceDecimals)} ${changed}` : NONE}
        </dd>
      </div>
      <div>
        <dt>24h high</dt>
        <dd>{price(ticker?.high)}</dd>
      </div>
      <div>
        <dt>24h low</dt>
        <dd>{price(ticker?.low)}</dd>
      </div>
      <div>
        <dt>24h volume ({market.base})</dt>
        <dd>{ticker ? compact(ticker.volume) : NONE}</dd>
      </div>
      <div>
        <dt>24h volume ({market.quote})</dt>
        <dd>{ticker ? compact(ticker.quoteVolume) : NONE}</dd>
      </div>
    </dl>
  );
}
