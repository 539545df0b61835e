/** Own orders whose lines are out of sight, at the edge that they lie behind. */
import type { ReactElement } from "react";
import type { Market } from "../model/market/markets";
import { beyondInWords, type Beyond } from "./orderScale";
import styles from "./chart.module.css";

export function Edges({ beyond: { above, below }, market }: { beyond: Beyond; market: Market }): ReactElement {
  return (
    <>
      {above.length > 0 && (
        <p className={`${styles["edge"]} ${styles["above"]}`} role="note" aria-label="Own orders above the chart">
          <span aria-hidden="true">▲ </span>
          {beyondInWords(above, market)}
        </p>
      )}
      {below.length > 0 && (
        <p className={`${styles["edge"]} ${styles["below"]}`} role="note" aria-label="Own orders below the chart">
          <span aria-hidden="true">▼ </span>
          {beyondInWords(below, market)}
        </p>
      )}
    </>
  );
}
