/** A table of orders or fills by its columns, and the cells of one of its rows. */
import type { ReactElement, ReactNode } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import type { Column, InMarket } from "./columns";
import "../ui/table.css";
import styles from "./orders.module.css";

interface RecordsTableProps<R extends InMarket> {
  label: string;
  kind: "open" | "ended" | "fills";
  columns: readonly Column<R>[];
  children: ReactNode;
}

export function RecordsTable<R extends InMarket>({ label, kind, columns, children }: RecordsTableProps<R>): ReactElement {
  return (
    <div className={styles["frame"]}>
      <table className={`grid ${styles["records"]} ${styles[kind]}`} aria-label={label}>
        <thead>
          <tr>
            {columns.map(({ name, title, isNumber }) => (
              <th key={name} scope="col" data-label={name} className={isNumber ? "number" : undefined} title={title}>
                {name}
              </th>
            ))}
            {kind === "open" && (
              <th scope="col" className="action">
                <span className="hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

interface CellsProps<R extends InMarket> {
  row: R;
  columns: readonly Column<R>[];
  /** Over what a column shows, by its name; that keeps its room, so that nothing moves. */
  over?: Readonly<Record<string, ReactNode>>;
}

export function Cells<R extends InMarket>({ row, columns, over }: CellsProps<R>): ReactElement {
  const venue = useVenue();
  const last = useStore(venue.tickers).get(row.symbol)?.last ?? null;
  const market = venue.market(row.symbol);
  return (
    <>
      {columns.map(({ name, isNumber, tone, content }) => (
        <td key={name} data-label={name} className={isNumber ? "number" : tone?.(row)}>
          {over?.[name] === undefined ? content(row, { market, last }) : <Covered by={over[name]}>{content(row, { market, last })}</Covered>}
        </td>
      ))}
    </>
  );
}

function Covered({ by, children }: { by: ReactNode; children: ReactNode }): ReactElement {
  return (
    <span className={styles["covered"]}>
      <span aria-hidden="true">{children}</span>
      {by}
    </span>
  );
}
