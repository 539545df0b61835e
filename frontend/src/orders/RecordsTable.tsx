/** A table of orders or fills by its columns, and the cells of one of its rows. */
import type { ReactElement, ReactNode } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import type { Column, InMarket } from "./columns";
import "../ui/table.css";
import styles from "./orders.module.css";

interface RecordsTableProps<R extends InMarket> {
  label: string;
  columns: readonly Column<R>[];
  /** Whether its rows end with what can be done. */
  hasActions?: boolean;
  children: ReactNode;
}

export function RecordsTable<R extends InMarket>({ label, columns, hasActions = false, children }: RecordsTableProps<R>): ReactElement {
  return (
    <table className={`grid ${styles["records"]}`} aria-label={label}>
      <thead>
        <tr>
          {columns.map(({ name, title, isNumber }) => (
            <th key={name} scope="col" className={isNumber ? "number" : undefined} title={title}>
              {name}
            </th>
          ))}
          {hasActions && (
            <th scope="col" className="action">
              <span className="hidden">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  );
}

interface CellsProps<R extends InMarket> {
  row: R;
  columns: readonly Column<R>[];
  /** In the place of what a column shows, by its name. */
  instead?: Readonly<Record<string, ReactNode>>;
}

export function Cells<R extends InMarket>({ row, columns, instead }: CellsProps<R>): ReactElement {
  const venue = useVenue();
  const last = useStore(venue.tickers).get(row.symbol)?.last ?? null;
  const market = venue.market(row.symbol);
  return (
    <>
      {columns.map(({ name, isNumber, tone, content }) => (
        <td key={name} data-label={name} className={isNumber ? "number" : tone?.(row)}>
          {instead?.[name] ?? content(row, { market, last })}
        </td>
      ))}
    </>
  );
}
