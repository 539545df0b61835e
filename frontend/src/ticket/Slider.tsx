/** How much of what is available the order takes: by hand or in quarters. */
import type { ReactElement } from "react";
import { ratio } from "../decimal/decimal";
import { percentOf } from "../decimal/percent";
import { spends } from "./checks";
import type { Ticket } from "./useTicket";
import styles from "./form.module.css";

const QUARTERS = [25n, 50n, 75n, 100n] as const;

export function Slider({ draft, checked, around, walked, takeShare }: Ticket): ReactElement {
  const available = draft.side === "Bid" ? around.availableQuote : around.availableBase;
  const spent = spends(draft, checked.values, around, walked) ?? 0n;
  const percent = available === null ? 0 : Math.min(100, Math.round(ratio(spent, available) * 100));
  return (
    <div className={styles["share"]}>
      <input
        type="range"
        min={0}
        max={100}
        value={percent}
        disabled={available === null || available === 0n}
        aria-label="Percent of what is available"
        aria-valuetext={`${spent > (available ?? 0n) ? "more than 100" : percentOf(spent, available ?? 0n, 0)} percent`}
        onChange={(event) => takeShare(BigInt(event.target.value))}
      />
      <div className={styles["percents"]} role="group" aria-label="Share of what is available">
        {QUARTERS.map((quarter) => (
          <button key={String(quarter)} type="button" onClick={() => takeShare(quarter)}>
            {String(quarter)}%
          </button>
        ))}
      </div>
    </div>
  );
}
