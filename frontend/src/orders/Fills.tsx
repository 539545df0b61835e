/** The account's own trades, newest first. */
import type { ReactElement } from "react";
import { multiply } from "../decimal/decimal";
import { fixed, trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Amount } from "./Amount";
import { isAmong, type Only } from "./only";
import { pairOf, sideWord } from "./words";
import "../ui/table.css";
import "./orders.css";

export function Fills({ onlySymbol, onlySide = null }: Only): ReactElement {
  const venue = useVenue();
  const fills = useStore(venue.account.fills);
  const problem = useStore(venue.account.fillsProblem);
  const shown = fills.filter((fill) => isAmong(fill, onlySymbol, onlySide));
  if (shown.length === 0) return <p className="nothing">{problem ? `Earlier fills are not available: ${problem}` : "No fills yet"}</p>;
  return (
    <table className="grid fills" aria-label="Fills">
      <thead>
        <tr>
          <th scope="col">Date</th>
          <th scope="col">Market</th>
          <th scope="col">Side</th>
          <th scope="col">Role</th>
          <th scope="col" className="number">Price</th>
          <th scope="col" className="number">Amount</th>
          <th scope="col" className="number">Total</th>
          <th scope="col" className="number">Fee</th>
        </tr>
      </thead>
      <tbody>
        {shown.map((fill) => {
          const rules = venue.market(fill.symbol);
          const isBuy = fill.side === "Bid";
          return (
            <tr key={fill.key}>
              <td data-label="Date">{moment(fill.timeMs)}</td>
              <td data-label="Market">{pairOf(fill.symbol)}</td>
              <td data-label="Side" className={isBuy ? "up" : "down"}>{sideWord(fill.side)}</td>
              <td data-label="Role">{fill.isMaker ? "Maker" : "Taker"}</td>
              <td data-label="Price" className="number">{fixed(fill.price, rules?.priceDecimals ?? 2)}</td>
              <td data-label="Amount" className="number">
                <Amount value={fill.quantity} exact={trimmed(fill.quantity, 0, rules?.quantityDecimals ?? 8)} />
              </td>
              <td data-label="Total" className="number">
                <Amount value={multiply(fill.price, fill.quantity)} exact={trimmed(multiply(fill.price, fill.quantity), 2, 8)} unit={rules?.quote ?? ""} />
              </td>
              <td data-label="Fee" className="number">
                <Amount value={fill.fee} exact={trimmed(fill.fee, 0, 9)} unit={fill.feeSymbol} />
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
