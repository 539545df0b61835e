/** The account: log in, sign up, API keys, security, log out. */
import { useState, type ReactElement } from "react";
import { leave } from "../model/users";
import { useStore } from "../reactive/useStore";
import forms from "../ui/form.module.css";
import { useVenue } from "../ui/useVenue";
import styles from "./account.module.css";
import { KeysDialog } from "./KeysDialog";
import { SecurityDialog } from "./SecurityDialog";
import { SignInDialog } from "./SignInDialog";

type Shown = "nothing" | "sign in" | "keys" | "security";

export function AccountMenu(): ReactElement | null {
  const holder = useVenue().session;
  const session = useStore(holder.store);
  const [shown, setShown] = useState<Shown>("nothing");
  const close = (): void => setShown("nothing");
  if (session.kind === "opening") return null;
  const isUser = session.kind === "open" && session.name !== null;
  const logOut = (): void => {
    void leave(holder).finally(() => location.reload());
  };
  return (
    <div className={styles["account"]} data-testid="account">
      {session.kind === "open" && (
        <span className={styles["name"]} data-testid="account-name">
          {session.name ?? `Demo account ${session.account}`}
        </span>
      )}
      {session.kind === "open" && <Action label="API keys" act={() => setShown("keys")} />}
      {isUser && <Action label="Security" act={() => setShown("security")} />}
      {isUser ? <Action label="Log out" act={logOut} /> : <Action label="Log in" act={() => setShown("sign in")} />}
      {shown === "sign in" && <SignInDialog close={close} />}
      {shown === "keys" && <KeysDialog close={close} />}
      {shown === "security" && <SecurityDialog close={close} />}
    </div>
  );
}

function Action({ label, act }: { label: string; act: () => void }): ReactElement {
  return (
    <button type="button" className={forms["quiet"]} onClick={act}>
      {label}
    </button>
  );
}
