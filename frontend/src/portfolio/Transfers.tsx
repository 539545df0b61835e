/** Deposits and withdrawals, and where deposits go. */
import { useEffect, type ReactElement } from "react";
import { exactly } from "../decimal/format";
import { moment } from "../decimal/time";
import { Older } from "../orders/Older";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { useLoaded } from "./useLoaded";
import styles from "./portfolio.module.css";

export function Transfers({ isCurrent }: { isCurrent: boolean }): ReactElement {
  const { api, transfers } = useVenue();
  const address = useLoaded(() => (isCurrent ? api.depositAddress() : Promise.resolve(null)), isCurrent);
  const known = useStore(transfers.value);
  const problem = useStore(transfers.problem);
  useEffect(() => (isCurrent ? transfers.follow() : undefined), [transfers, isCurrent]);
  return (
    <section className={`panel ${styles["table"]}`} aria-label="Deposits and withdrawals">
      <h2>Deposits and withdrawals</h2>
      <p className={styles["note"]}>
        Deposits go to <code>{address.value?.address ?? address.problem ?? "…"}</code>. Withdrawals need an API key that may withdraw.
      </p>
      {known && known.rows.length > 0 && (
        <table className="grid" aria-label="Deposits and withdrawals">
          <thead>
            <tr>
              <th scope="col">Date</th>
              <th scope="col">Kind</th>
              <th scope="col" className="number">Amount</th>
              <th scope="col">From or to</th>
              <th scope="col">Status</th>
            </tr>
          </thead>
          <tbody>
            {known.rows.map((each) => (
              <tr key={each.key}>
                <td data-label="Date">{moment(each.timeMs)}</td>
                <td data-label="Kind">{each.kind}</td>
                <td data-label="Amount" className="number">
                  {exactly(each.amount)} <small>{each.asset}</small>
                </td>
                <td data-label="From or to">{each.other}</td>
                <td data-label="Status">{each.status}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {known?.isAll === false && <Older of="deposits and withdrawals" sinceMs={known.rows.at(-1)?.timeMs} load={() => transfers.older()} />}
      {known?.rows.length === 0 && <p className="nothing">None yet</p>}
      {problem && <p className="nothing">They are not available: {problem}</p>}
    </section>
  );
}
