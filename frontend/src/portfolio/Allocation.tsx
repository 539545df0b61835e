import type { ReactElement } from "react";
import { startsOf, type Holding } from "../model/trader/worth";
import styles from "./portfolio.module.css";

const GAP = 20;

/** The shares as parts of one bar; the table below says them in figures. */
export function Allocation({ rows }: { rows: readonly Holding[] }): ReactElement {
  const starts = startsOf(rows);
  return (
    <svg className={styles["bar"]} viewBox="0 0 10000 100" preserveAspectRatio="none" aria-hidden="true">
      {rows.map(({ asset, share }, at) => (
        <rect
          key={asset}
          x={starts[at]}
          width={Math.max(0, Number(share ?? 0n) - GAP)}
          height="100"
          fill="var(--accent)"
          opacity={Math.max(0.2, 1 - at * 0.2)}
        />
      ))}
    </svg>
  );
}
