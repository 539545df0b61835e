import { useState, type ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { KeysDialog } from "../users/KeysDialog";
import { SecurityDialog } from "../users/SecurityDialog";
import { Section } from "./Section";
import styles from "./settings.module.css";

export function AccountSettings(): ReactElement {
  const session = useStore(useVenue().session.store);
  const [shown, setShown] = useState<"keys" | "security" | null>(null);
  const close = (): void => setShown(null);
  const isOpen = session.kind === "open";
  const isUser = isOpen && session.name !== null;
  return (
    <Section title="Account">
      <p>{isOpen ? (session.name ?? `Demo account ${session.account}`) : "Nobody is logged in"}</p>
      <div className={styles["actions"]}>
        <button type="button" className="small" disabled={!isOpen} onClick={() => setShown("keys")}>
          API keys
        </button>
        <button type="button" className="small" disabled={!isUser} onClick={() => setShown("security")}>
          Password, second factor, sessions
        </button>
      </div>
      {isOpen && !isUser && <p className="hint">A demo account has no password: log in or sign up for one.</p>}
      {shown === "keys" && <KeysDialog close={close} />}
      {shown === "security" && <SecurityDialog close={close} />}
    </Section>
  );
}
