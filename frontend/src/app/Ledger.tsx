/** The lower panel: open orders, fills and balances behind tabs. */
import { useState, type KeyboardEvent, type ReactElement } from "react";
import { Balances } from "../account/Balances";
import type { Market } from "../model/market/markets";
import { CancelAll } from "../orders/CancelAll";
import { Fills } from "../orders/Fills";
import { History } from "../orders/History";
import { OpenOrders } from "../orders/OpenOrders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./Ledger.module.css";

const TABS = ["Open orders", "Order history", "Fills", "Balances"] as const;
type Tab = (typeof TABS)[number];

export function Ledger({ market }: { market: Market }): ReactElement {
  const venue = useVenue();
  const orders = useStore(venue.account.orders);
  const isCurrent = useStore(venue.account.isCurrent);
  const [tab, setTab] = useState<Tab>("Open orders");
  const [isOnly, setOnly] = useState(false);
  const onlySymbol = isOnly ? market.symbol : null;

  const steer = (event: KeyboardEvent<HTMLDivElement>): void => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length] as Tab;
    setTab(next);
    event.currentTarget.querySelector<HTMLElement>(`[data-tab="${next}"]`)?.focus();
  };

  return (
    <section className={`panel ledger ${styles["ledger"]}`} aria-label="Your account">
      <div className="panel-head">
        <div className={styles["tabs"]} role="tablist" aria-label="Your account" tabIndex={-1} onKeyDown={steer}>
          {TABS.map((each) => (
            <button
              key={each}
              type="button"
              role="tab"
              id={`tab-${each}`}
              data-tab={each}
              aria-selected={each === tab}
              aria-controls="ledger-body"
              tabIndex={each === tab ? 0 : -1}
              onClick={() => setTab(each)}
            >
              {each}
              {each === "Open orders" && orders.size > 0 && <span className={styles["count"]}>{orders.size}</span>}
            </button>
          ))}
        </div>
        <div className={styles["tools"]}>
          {tab !== "Balances" && (
            <label className="check">
              <input type="checkbox" checked={isOnly} onChange={(event) => setOnly(event.target.checked)} />
              <span>
                Only {market.base}
                <span className={styles["quote"]}>/{market.quote}</span>
              </span>
            </label>
          )}
          {tab === "Open orders" && <CancelAll onlySymbol={onlySymbol} />}
        </div>
      </div>
      <div
        id="ledger-body"
        className={styles["body"]}
        data-testid="ledger-body"
        data-current={isCurrent}
        role="tabpanel"
        aria-labelledby={`tab-${tab}`}
        tabIndex={0}
      >
        {tab === "Open orders" && <OpenOrders onlySymbol={onlySymbol} />}
        {tab === "Order history" && <History onlySymbol={onlySymbol} />}
        {tab === "Fills" && <Fills onlySymbol={onlySymbol} />}
        {tab === "Balances" && <Balances />}
      </div>
    </section>
  );
}
