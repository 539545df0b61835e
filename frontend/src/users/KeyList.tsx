import type { ReactElement } from "react";
import { dayOf } from "../decimal/time";
import type { ApiKey } from "../model/access/users";
import forms from "../ui/form.module.css";
import styles from "./keys.module.css";

export function KeyList({ known, revoke }: { known: readonly ApiKey[]; revoke: (key: ApiKey) => void }): ReactElement {
  return (
    <ul className={styles["keys"]}>
      {known.map((key) => (
        <li key={key.apiKey} className={styles["key"]}>
          <b>{key.name || "No name"}</b>
          <span className={styles["facts"]}>
            <span>{key.permissions.join(", ")}</span>
            {times(key).map((text) => (
              <span key={text}>{text}</span>
            ))}
          </span>
          <button type="button" className={forms["quiet"]} aria-label={`Revoke ${key.name || key.apiKey.slice(0, 8)}`} onClick={() => revoke(key)}>
            Revoke
          </button>
          <code>{key.apiKey}</code>
        </li>
      ))}
    </ul>
  );
}

/** What is known of when: nothing is claimed of a key whose times cannot be had. */
export function times({ createdAt, lastUsedAt }: ApiKey): string[] {
  if (lastUsedAt === undefined) return ["its times cannot be had now"];
  const created = createdAt === null || createdAt === undefined ? [] : [`made ${dayOf(createdAt)}`];
  return [...created, lastUsedAt === null ? "never used" : `last used ${dayOf(lastUsedAt)}`];
}
