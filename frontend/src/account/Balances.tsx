/** Balances of the account, with their worth at the last prices. */
import type { ReactElement } from "react";
import { fixed, trimmed } from "../decimal/format";
import { commonQuote, WITHOUT_PRICE, worth } from "../model/trader/worth";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";

export function Balances(): ReactElement {
  const venue = useVenue();
  const balances = useStore(venue.account.balances);
  const tickers = useStore(venue.tickers);
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
          const value = worth(asset, available + locked, quote, tickers);
          return (
            <tr key={asset} data-asset={asset}>
              <td data-label="Asset">
                <b>{asset}</b>
              </td>
              <td data-label="Available" className="number">{trimmed(available, 2, 9)}</td>
              <td data-label="In orders" className="number">{trimmed(locked, 2, 9)}</td>
              <td data-label="Total" className="number">{trimmed(available + locked, 2, 9)}</td>
              <td data-label="Worth" className="number">
                {value !== null && `${fixed(value, 2)} `}
                <small>{value === null ? WITHOUT_PRICE : quote}</small>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
