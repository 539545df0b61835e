/** Balances of the account, with their worth at the last prices. */
import type { ReactElement } from "react";
import { multiply } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import type { Market } from "../model/markets";
import { type Venue } from "../model/venue";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";

/** The quote asset that most markets share. */
function commonQuote(markets: readonly Market[]): string | null {
  const counts = new Map<string, number>();
  for (const { quote } of markets) counts.set(quote, (counts.get(quote) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** In `quote`; null where no market prices the asset in it. */
function worth(asset: string, amount: bigint, quote: string | null, venue: Venue): bigint | null {
  if (asset === quote) return amount;
  const ticker = venue.tickers.get().get(`${asset}_${quote}`);
  return ticker ? multiply(amount, ticker.last) : null;
}

export function Balances(): ReactElement {
  const venue = useVenue();
  const balances = useStore(venue.account.balances);
  useStore(venue.tickers);
  const quote = commonQuote(useStore(venue.markets));
  const rows = [...balances].toSorted(([a], [b]) => a.localeCompare(b));
  if (rows.length === 0) return <p className="nothing">No balances</p>;
  return (
    <table className="grid balances" aria-label="Balances">
      <thead>
        <tr>
          <th scope="col">Asset</th>
          <th scope="col" className="number">Available</th>
          <th scope="col" className="number">In orders</th>
          <th scope="col" className="number">Total</th>
          <th scope="col" className="number">Worth</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(([asset, { available, locked }]) => {
          const value = worth(asset, available + locked, quote, venue);
          return (
            <tr key={asset} data-asset={asset}>
              <td data-label="Asset">
                <b>{asset}</b>
              </td>
              <td data-label="Available" className="number">{trimmed(available, 2, 9)}</td>
              <td data-label="In orders" className="number">{trimmed(locked, 2, 9)}</td>
              <td data-label="Total" className="number">{trimmed(available + locked, 2, 9)}</td>
              <td data-label="Worth" className="number">
                {value === null ? NONE : `${fixed(value, 2)} `}
                {value !== null && <small>{quote}</small>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
