/** On a phone, above all else and always in sight: the price, and which panel is below. */
import type { ReactElement, ReactNode } from "react";
import { fixed, NONE } from "../decimal/format";
import { pair, type Market } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./trade.module.css";

export function Strip({ market, children }: { market: Market; children: ReactNode }): ReactElement {
  const ticker = useStore(useVenue().tickers).get(market.symbol);
  return (
    <div className={styles["strip"]}>
      <p>
        <span>{pair(market)}</span> <b className={ticker?.move ?? "flat"}>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</b>
      </p>
      {children}
    </div>
  );
}
