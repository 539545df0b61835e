/** Open sessions of the user. All but the present one can be ended here; that one ends with Log out. */
import { useCallback, useEffect, useId, useState, type ReactElement } from "react";
import { moment } from "../decimal/time";
import { browserOf, endSessions, openSessions, type OpenSession } from "../model/access/security";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import { Problem } from "./fields";
import forms from "../ui/form.module.css";
import styles from "./security.module.css";

export function Sessions(): ReactElement {
  const session = useVenue().session;
  const [sessions, setSessions] = useState<OpenSession[] | null>(null);
  const { isBusy, problem, attempt } = useAttempt();
  const id = useId();
  const load = useCallback(async () => setSessions(await openSessions(session)), [session]);
  useEffect(() => void attempt(load), [attempt, load]);
  const end = (which?: string): void => {
    void attempt(async () => {
      await endSessions(session, which);
      await load();
    });
  };
  const others = sessions?.filter((each) => !each.current) ?? [];
  return (
    <section className={styles["setting"]} aria-labelledby={id}>
      <div className={styles["head"]}>
        <h3 id={id}>Sessions</h3>
        {others.length > 0 && (
          <button type="button" className={forms["quiet"]} disabled={isBusy} onClick={() => end()}>
            End all others
          </button>
        )}
      </div>
      <ul className={styles["sessions"]}>
        {sessions?.map((each) => (
          <li key={each.id}>
            <div>
              <span title={each.userAgent}>{browserOf(each.userAgent)}</span>{" "}
              {each.current && <span className={`${styles["state"]} ${styles["on"]}`}>This one</span>}
              <small>
                {each.address} · logged in {moment(each.createdAt)}
              </small>
            </div>
            {!each.current && (
              <button
                type="button"
                className={forms["quiet"]}
                disabled={isBusy}
                aria-label={`End ${browserOf(each.userAgent)}, ${each.address}, logged in ${moment(each.createdAt)}`}
                onClick={() => end(each.id)}
              >
                End
              </button>
            )}
          </li>
        ))}
      </ul>
      <Problem of={problem} />
    </section>
  );
}
