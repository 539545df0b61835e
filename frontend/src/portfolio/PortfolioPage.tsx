/** The route of what the account owns, what it is worth, and what came of it. */
import type { ReactElement } from "react";
import { about, NONE } from "../decimal/format";
import { allFills } from "../model/trader/csv";
import { positions } from "../model/trader/costs";
import { fillFromWire } from "../model/trader/orders";
import { commonQuote, holdings, listed } from "../model/trader/worth";
import { useStore } from "../reactive/useStore";
import { PageFrame } from "../ui/PageFrame";
import { useVenue } from "../ui/useVenue";
import { Allocation } from "./Allocation";
import { Holdings } from "./Holdings";
import { Transfers } from "./Transfers";
import { useLoaded } from "./useLoaded";
import styles from "./portfolio.module.css";

export default function PortfolioPage(): ReactElement {
  const venue = useVenue();
  const { account } = venue;
  const isCurrent = useStore(account.isCurrent);
  const tickers = useStore(venue.tickers);
  const quote = commonQuote(useStore(venue.markets));
  const { equity, rows, unpriced } = holdings(useStore(account.balances), quote, tickers);
  const [newest] = useStore(account.fills);
  const fills = useLoaded(() => (isCurrent ? allFills(venue.api, null) : Promise.resolve(null)), `${isCurrent} ${newest?.key}`);
  const costs = fills.value && positions(fills.value.map(fillFromWire), quote);
  return (
    <PageFrame title="Portfolio">
      <section className={`panel ${styles["equity"]}`} aria-label="Equity">
        <h2>Equity</h2>
        <p className={styles["figure"]} data-testid="equity">
          {isCurrent ? `${about(equity, 2)} ${quote ?? ""}` : NONE}
        </p>
        {isCurrent && unpriced.length > 0 && (
          <p className={styles["unpriced"]} data-testid="unpriced">
            Without {listed(unpriced)}: nobody has traded {unpriced.length === 1 ? "it" : "them"} for {quote} yet, so there is no price.
          </p>
        )}
        <Allocation rows={rows} />
      </section>
      <Holdings rows={rows} equity={equity} costs={costs} quote={quote} problem={fills.problem} />
      <Transfers isCurrent={isCurrent} />
    </PageFrame>
  );
}
