/** The market that is traded: its name, which opens the choice of another one, and its figures. */
import type { ReactElement } from "react";
import { change, fixed, NONE, trend } from "../decimal/format";
import { Stats } from "../markets/Stats";
import { pair, restriction, type Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useMarketNow } from "../ui/useMarketNow";
import { useVenue } from "../ui/useVenue";
import styles from "./MarketBar.module.css";

export function MarketBar({ market, pick }: { market: Market; pick: () => void }): ReactElement {
  const restricted = restriction(useMarketNow(market));
  return (
    <div className={styles["bar"]}>
      <h1>
        <button type="button" className={styles["switch"]} aria-haspopup="dialog" title="Choose a market (/ or Ctrl K)" onClick={pick}>
          {pair(market)} <span aria-hidden="true">▾</span>
        </button>
      </h1>
      <Price market={market} />
      {restricted !== null && (
        <strong className={styles["restriction"]} data-testid="restriction">
          {restricted}
        </strong>
      )}
      <Stats market={market} />
    </div>
  );
}

/** On a phone alone, where the figures of the day scroll away. */
function Price({ market }: { market: Market }): ReactElement {
  const ticker = useStore(useVenue().tickers).get(market.symbol);
  const changed = ticker ? change(ticker.first, ticker.last) : NONE;
  const tone = trend(changed);
  return (
    <p className={styles["price"]}>
      <b className={ticker?.move ?? "flat"}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</b>
      {ticker && (
        <small className={tone} data-trend={tone}>
          {changed}
        </small>
      )}
    </p>
  );
}
