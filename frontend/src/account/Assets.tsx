/** What the account holds of the market on the screen: beside the order form, where there is room. */
import type { ReactElement } from "react";
import { exactly } from "../decimal/format";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./assets.module.css";

export function Assets({ market }: { market: Market }): ReactElement {
  const balances = useStore(useVenue().account.balances);
  return (
    <section className={`panel ${styles["assets"]}`} aria-label="Assets of this market">
      <div className="panel-head">
        <h2>Assets</h2>
      </div>
      {[market.base, market.quote].map((asset) => {
        const balance = balances.get(asset) ?? { available: 0n, locked: 0n };
        return (
          <dl key={asset}>
            <div className={styles["asset"]}>
              <dt>{asset}</dt>
              <dd>{exactly(balance.available + balance.locked)}</dd>
            </div>
            <div data-part="detail">
              <dt>Available</dt>
              <dd>{exactly(balance.available)}</dd>
            </div>
            <div data-part="detail">
              <dt>In orders</dt>
              <dd>{exactly(balance.locked)}</dd>
            </div>
          </dl>
        );
      })}
    </section>
  );
}
