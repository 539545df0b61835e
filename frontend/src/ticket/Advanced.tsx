/** What few orders need: how far a market order may slip, and what happens when it meets one of one's own. */
import { useId, type ReactElement } from "react";
import type { SelfTrade } from "../api/types";
import { DecimalField } from "../ui/DecimalField";
import { isLimit } from "./draft";
import styles from "./form.module.css";
import type { Ticket } from "./useTicket";

const SELF_TRADES: readonly [SelfTrade, string][] = [
  ["RejectTaker", "Stop this order"],
  ["RejectMaker", "Cancel the resting one"],
  ["RejectBoth", "Both"],
];

const PERCENT_STEP = 10n ** 17n;

export function Advanced({ ticket: { draft, set, left, wrong }, problemId }: { ticket: Ticket; problemId: string }): ReactElement {
  const id = useId();
  return (
    <details className={styles["advanced"]}>
      <summary>Advanced</summary>
      {!isLimit(draft) && (
        <DecimalField
          label="Slippage, at most"
          unit="%"
          value={draft.slippage}
          step={PERCENT_STEP}
          problem={wrong?.[0] === "slippage" ? problemId : undefined}
          change={(slippage) => set({ slippage })}
          left={() => left("slippage")}
        />
      )}
      <p className={styles["choice"]}>
        <label htmlFor={id}>If it meets my own order</label>
        <select id={id} value={draft.selfTrade} onChange={(event) => set({ selfTrade: event.target.value as SelfTrade })}>
          {SELF_TRADES.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </p>
    </details>
  );
}
