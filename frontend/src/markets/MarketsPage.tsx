/** The route of all markets: searched, sorted, the favourites first. */
import { useEffect, useState, type ReactElement } from "react";
import { favourites, recallOnly, rememberOnly } from "../model/market/favourites";
import { pressed, rowsOf, type Sort, type View } from "../model/market/marketRows";
import { useStore } from "../reactive/useStore";
import { PageFrame } from "../ui/PageFrame";
import { useVenue } from "../ui/useVenue";
import { MarketRowView } from "./MarketRowView";
import "../ui/table.css";
import styles from "./MarketsPage.module.css";

const COLUMNS: readonly [Sort, string][] = [
  ["market", "Market"],
  ["last", "Last price"],
  ["change", "24h change"],
  ["volume", "24h volume"],
  ["spread", "Spread"],
];

const begun = (): View => ({ text: "", sort: null, isDescending: false, onlyFavourites: recallOnly() });

export default function MarketsPage(): ReactElement {
  const venue = useVenue();
  const [view, setView] = useState(begun);
  const markets = useStore(venue.markets);
  useEffect(() => venue.touches.follow(markets.map(({ symbol }) => symbol)), [venue, markets]);
  const rows = rowsOf(
    {
      markets,
      names: useStore(venue.names),
      tickers: useStore(venue.tickers),
      touches: useStore(venue.touches.store),
      favourites: useStore(favourites),
    },
    view,
  );
  return (
    <PageFrame title="Markets">
      <div className={styles["tools"]}>
        <input
          type="search"
          className="text-input"
          placeholder="Symbol or name"
          aria-label="Search markets"
          value={view.text}
          onChange={(event) => setView({ ...view, text: event.target.value })}
        />
        <label className="check">
          <input
            type="checkbox"
            checked={view.onlyFavourites}
            onChange={(event) => {
              rememberOnly(event.target.checked);
              setView({ ...view, onlyFavourites: event.target.checked });
            }}
          />
          <span>Favourites only</span>
        </label>
      </div>
      <div className={`panel ${styles["table"]}`}>
        <table className="grid" aria-label="Markets">
          <Head view={view} press={(sort) => setView(pressed(view, sort))} />
          <tbody>
            {rows.map((row) => (
              <MarketRowView key={row.market.symbol} row={row} />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && (
          <p className="nothing" role="status">
            {markets.length === 0 ? "Waiting for the exchange…" : "No market like that"}
          </p>
        )}
      </div>
    </PageFrame>
  );
}

function Head({ view, press }: { view: View; press: (sort: Sort) => void }): ReactElement {
  const direction = view.isDescending ? "descending" : "ascending";
  return (
    <thead>
      <tr>
        <th scope="col">
          <span className="hidden">Favourite</span>
        </th>
        {COLUMNS.map(([sort, label]) => (
          <th key={sort} scope="col" className={sort === "market" ? "" : "number"} aria-sort={view.sort === sort ? direction : "none"}>
            <button type="button" onClick={() => press(sort)}>
              {label}
              <span aria-hidden="true">{view.sort !== sort ? "" : view.isDescending ? " ▾" : " ▴"}</span>
            </button>
          </th>
        ))}
        <th scope="col" className="number">
          24 hours
        </th>
      </tr>
    </thead>
  );
}
