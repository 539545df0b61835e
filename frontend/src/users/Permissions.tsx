/** What a new key may do: read and trade, unless something else is chosen. */
import type { ReactElement } from "react";
import type { Permission } from "../model/access/users";
import forms from "../ui/form.module.css";
import styles from "./keys.module.css";

const PERMISSIONS: Permission[] = ["read", "trade", "withdraw"];
export const USUAL: readonly Permission[] = ["read", "trade"];

export function Permissions({ chosen, choose }: { chosen: readonly Permission[]; choose: (chosen: Permission[]) => void }): ReactElement {
  return (
    <>
      <fieldset className={styles["permissions"]}>
        <legend>It may</legend>
        {PERMISSIONS.map((each) => (
          <label key={each}>
            <input
              type="checkbox"
              name={each}
              checked={chosen.includes(each)}
              onChange={({ currentTarget: { checked } }) =>
                choose(PERMISSIONS.filter((other) => (other === each ? checked : chosen.includes(other))))
              }
            />{" "}
            {each}
          </label>
        ))}
      </fieldset>
      {chosen.includes("withdraw") && (
        <p className={forms["hint"]} role="status">
          Anyone with this key can withdraw your money. The exchange may delay withdrawals by a new key; the time is shown
          once the key is made.
        </p>
      )}
      {chosen.length === 0 && (
        <p className={forms["hint"]} role="status">
          Choose at least one thing that the key may do.
        </p>
      )}
    </>
  );
}
