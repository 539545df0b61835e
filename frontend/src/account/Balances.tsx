/** Balances of the account, with their worth at the last prices. */
import type { ReactElement } from "react";
import { about, exactly } from "../decimal/format";
import { commonQuote, WITHOUT_PRICE, worth } from "../model/trader/worth";
import { useStore } from "../reactive/useStore";
import { Amount } from "../ui/Amount";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";
import styles from "./balances.module.css";

const HEADS = ["Available", "In orders", "Total", "Worth"];
const ROOM = 22; // characters: of ten million, with nine decimals, there is no more to say

export function Balances(): ReactElement {
  const venue = useVenue();
  const balances = useStore(venue.account.balances);
  const tickers = useStore(venue.tickers);
  const quote = commonQuote(useStore(venue.markets));
  const rows = [...balances].toSorted(([a], [b]) => a.localeCompare(b));
  if (rows.length === 0) return <p className="nothing">No balances</p>;
  return (
    <div className={styles["frame"]}>
      <table className={`grid ${styles["balances"]}`} aria-label="Balances">
        <thead>
          <tr>
            <th scope="col" data-label="Asset">Asset</th>
            {HEADS.map((head) => (
              <th key={head} scope="col" data-label={head} className="number">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(([asset, { available, locked }]) => (
            <tr key={asset} data-asset={asset}>
              <td data-label="Asset">
                <b>{asset}</b>
              </td>
              <Money label="Available" value={available} />
              <Money label="In orders" value={locked} />
              <Money label="Total" value={available + locked} />
              <Worth value={worth(asset, available + locked, quote, tickers)} quote={quote} />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Money({ label, value }: { label: string; value: bigint }): ReactElement {
  return (
    <td data-label={label} className="number">
      <Amount value={value} exact={exactly(value)} room={ROOM} />
    </td>
  );
}

function Worth({ value, quote }: { value: bigint | null; quote: string | null }): ReactElement {
  return (
    <td data-label="Worth" className="number">
      {value !== null && `${about(value, 2)} `}
      <small>{value === null ? WITHOUT_PRICE : quote}</small>
    </td>
  );
}
