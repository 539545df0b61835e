/** The whole history in a file, with the filters that are set. The tables show its newest part. */
import type { ReactElement } from "react";
import type { Side } from "../api/types";
import { fillsAsCsv, ordersAsCsv } from "../model/trader/csv";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import styles from "./records.module.css";

function save(name: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

export function Download({ of, symbol, side }: { of: "Order history" | "Fills"; symbol: string | null; side: Side | null }): ReactElement {
  const { api } = useVenue();
  const { isBusy, problem, attempt } = useAttempt();
  const read = of === "Fills" ? fillsAsCsv : ordersAsCsv;
  const name = `${of === "Fills" ? "fills" : "orders"}${symbol ? `-${symbol}` : ""}.csv`;
  return (
    <span className={styles["download"]}>
      {problem && (
        <span className="problem" role="alert">
          Not downloaded: {problem.message}
        </span>
      )}
      <button type="button" className="small" disabled={isBusy} onClick={() => void attempt(async () => save(name, await read(api, symbol, side)))}>
        {isBusy ? "Reading…" : "Download all as CSV"}
      </button>
    </span>
  );
}
