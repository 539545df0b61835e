/** Below a table of what was: a button that reads what was before it, and how far back it goes. */
import type { ReactElement } from "react";
import { moment } from "../decimal/time";
import { useAttempt } from "../ui/attempt";
import styles from "./older.module.css";

interface OlderProps {
  /** "orders" */
  of: string;
  /** Of the oldest row that was read, whether it is shown or not. */
  sinceMs: number | undefined;
  load: () => Promise<void>;
}

export function Older({ of, sinceMs, load }: OlderProps): ReactElement {
  const { isBusy, problem, attempt } = useAttempt();
  return (
    <p className={styles["older"]}>
      <span role="status">{sinceMs !== undefined && `These go back to ${moment(sinceMs)}.`}</span>
      <button type="button" className="small" disabled={isBusy} onClick={() => void attempt(load)}>
        {isBusy ? "Reading…" : `Load older ${of}`}
      </button>
      {problem && (
        <span className="problem" role="alert">
          {problem.message}
        </span>
      )}
    </p>
  );
}
