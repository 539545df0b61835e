/** Each asset with its worth, its share, and profit and loss by average cost. */
import type { ReactElement } from "react";
import { multiply } from "../decimal/decimal";
import { about, exactly, NONE, signed, trend, trimmed } from "../decimal/format";
import { percentOf } from "../decimal/percent";
import { averageCost, type Position } from "../model/trader/costs";
import { WITHOUT_PRICE, type Holding } from "../model/trader/worth";
import { useStore } from "../reactive/useStore";
import { Amount } from "../ui/Amount";
import { useVenue } from "../ui/useVenue";
import "../ui/table.css";
import styles from "./portfolio.module.css";

interface HoldingsProps {
  rows: readonly Holding[];
  equity: bigint;
  costs: ReadonlyMap<string, Position> | null;
  quote: string | null;
  problem: string | null;
}

const ROOM = 20; // characters of a total
const HEADS = ["Total", "Worth", "Share", "Average cost", "Unrealised", "Realised"];

export function Holdings({ rows, equity, costs, quote, problem }: HoldingsProps): ReactElement {
  return (
    <section className={`panel ${styles["table"]}`} aria-label="Assets">
      <table className="grid" aria-label="Assets">
        <thead>
          <tr>
            <th scope="col">Asset</th>
            {HEADS.map((head) => (
              <th key={head} scope="col" className="number">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <Row key={row.asset} row={row} equity={equity} position={costs?.get(row.asset) ?? null} quote={quote} />
          ))}
        </tbody>
      </table>
      {rows.length === 0 && <p className="nothing">The account has nothing yet</p>}
      <p className={styles["note"]}>
        {problem === null
          ? `In ${quote ?? "the quote asset"}, by average cost of what was bought here, fees included. What was deposited has no cost.`
          : `Profit and loss are not available: ${problem}`}
      </p>
    </section>
  );
}

function Row({ row, equity, position, quote }: { row: Holding; equity: bigint; position: Position | null; quote: string | null }): ReactElement {
  const last = useStore(useVenue().tickers).get(`${row.asset}_${quote}`)?.last;
  const average = position && averageCost(position);
  const gain = position === null || average === null || last === undefined ? null : multiply(position.quantity, last) - position.cost;
  const [unrealised, realised] = [gain, position?.realised ?? null].map((value) => (value === null ? NONE : signed(value, 2))) as [string, string];
  return (
    <tr data-asset={row.asset}>
      <td data-label="Asset">
        <b>{row.asset}</b>
      </td>
      <td data-label="Total" className="number"><Amount value={row.total} exact={exactly(row.total)} room={ROOM} /></td>
      <td data-label="Worth" className="number">{row.worth === null ? <small>{WITHOUT_PRICE}</small> : about(row.worth, 2)}</td>
      <td data-label="Share" className="number">{row.worth === null ? NONE : `${percentOf(row.worth, equity, 2)}%`}</td>
      <td data-label="Average cost" className="number">{average === null ? NONE : trimmed(average, 2, 8)}</td>
      <td data-label="Unrealised" className={`number ${trend(unrealised)}`}>{unrealised}</td>
      <td data-label="Realised" className={`number ${trend(realised)}`}>{realised}</td>
    </tr>
  );
}
