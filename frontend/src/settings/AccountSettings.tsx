import { useState, type ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { SecurityDialog } from "../users/SecurityDialog";
import { Section } from "./Section";
import styles from "./settings.module.css";

export function AccountSettings(): ReactElement {
  const session = useStore(useVenue().session.store);
  const [isShown, setShown] = useState(false);
  const isOpen = session.kind === "open";
  const isUser = isOpen && session.name !== null;
  return (
    <Section title="Account">
      <p>{isOpen ? (session.name ?? `Demo account ${session.account}`) : "Nobody is logged in"}</p>
      <div className={styles["actions"]}>
        <button type="button" className="small" disabled={!isUser} onClick={() => setShown(true)}>
          Password, second factor, sessions
        </button>
      </div>
      {isOpen && !isUser && <p className="hint">A demo account has no password: log in or sign up for one.</p>}
      {isShown && <SecurityDialog close={() => setShown(false)} />}
    </Section>
  );
}
