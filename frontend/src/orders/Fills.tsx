/** The account's own trades, newest first. */
import type { ReactElement } from "react";
import { multiply } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";

export function Fills({ onlySymbol }: { onlySymbol: string | null }): ReactElement {
  const venue = useVenue();
  const fills = useStore(venue.account.fills);
  const problem = useStore(venue.account.fillsProblem);
  const shown = fills.filter((fill) => onlySymbol === null || fill.symbol === onlySymbol);
  if (shown.length === 0) return <p className="nothing">{problem ? `Earlier fills are not available: ${problem}` : "No fills yet"}</p>;
  return (
    <table className="grid fills" aria-label="Fills">
      <thead>
        <tr>
          <th scope="col">Time</th>
          <th scope="col">Market</th>
          <th scope="col">Side</th>
          <th scope="col">Role</th>
          <th scope="col" className="number">Price</th>
          <th scope="col" className="number">Amount</th>
          <th scope="col" className="number">Value</th>
          <th scope="col" className="number">Fee</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((fill) => {
          const rules = venue.market(fill.symbol);
          const isBuy = fill.side === "Bid";
          return (
            <tr key={fill.key}>
              <td data-label="Time">{moment(fill.timeMs)}</td>
              <td data-label="Market">{fill.symbol.replace("_", "/")}</td>
              <td data-label="Side" className={isBuy ? "up" : "down"}>{isBuy ? "Buy" : "Sell"}</td>
              <td data-label="Role">{fill.isMaker ? "Maker" : "Taker"}</td>
              <td data-label="Price" className="number">{fixed(fill.price, rules?.priceDecimals ?? 2)}</td>
              <td data-label="Amount" className="number">{trimmed(fill.quantity, 0, rules?.quantityDecimals ?? 8)}</td>
              <td data-label="Value" className="number">{trimmed(multiply(fill.price, fill.quantity), 2, 6)}</td>
              <td data-label="Fee" className="number">
                {trimmed(fill.fee, 0, 9)} <small>{fill.feeSymbol}</small>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
