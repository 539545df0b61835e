/** Balances of the account, with their worth at the last prices. */
import type { ReactElement } from "react";
import { useVenue } from "../app/venue";
import { multiply } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import { useStore } from "../feed/store";
import type { Market } from "../markets/markets";
import type { Tickers } from "../markets/tickers";

/** Of one asset in the quote asset that most markets share; null where no market prices it. */
function worth(asset: string, amount: bigint, markets: readonly Market[], tickers: Tickers): [bigint, string] | null {
  const quote = markets.find((market) => market.quote === asset);
  if (quote) return [amount, asset];
  const market = markets.find((each) => each.base === asset);
  const ticker = market && tickers.get(market.symbol);
  return market && ticker ? [multiply(amount, ticker.last), market.quote] : null;
}

export function Balances(): ReactElement {
  const venue = useVenue();
  const balances = useStore(venue.account.balances);
  const tickers = useStore(venue.tickers);
  const markets = useStore(venue.markets);
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
          const value = worth(asset, available + locked, markets, tickers);
          return (
            <tr key={asset} data-asset={asset}>
              <td data-label="Asset">
                <b>{asset}</b>
              </td>
              <td data-label="Available" className="number">{trimmed(available, 2, 9)}</td>
              <td data-label="In orders" className="number">{trimmed(locked, 2, 9)}</td>
              <td data-label="Total" className="number">{trimmed(available + locked, 2, 9)}</td>
              <td data-label="Worth" className="number">
                {value ? `${fixed(value[0], 2)} ` : NONE}
                {value && <small>{value[1]}</small>}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
