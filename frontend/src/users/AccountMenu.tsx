/** The account in the header or its menu: log in, sign up, API keys, security, log out. */
import type { ReactElement } from "react";
import { leave } from "../model/access/users";
import { useStore } from "../reactive/useStore";
import forms from "../ui/form.module.css";
import { useVenue } from "../ui/useVenue";
import styles from "./account.module.css";
import { KeysDialog } from "./KeysDialog";
import { SecurityDialog } from "./SecurityDialog";
import { SignInDialog } from "./SignInDialog";

export type AccountDialog = "sign in" | "keys" | "security";

export function AccountActions({ show }: { show: (dialog: AccountDialog) => void }): ReactElement | null {
  const holder = useVenue().session;
  const session = useStore(holder.store);
  if (session.kind === "opening") return null;
  const isUser = session.kind === "open" && session.name !== null;
  const logOut = (): void => {
    void leave(holder).finally(() => location.reload());
  };
  return (
    <div className={styles["account"]} role="group" aria-label="Account" data-testid="account">
      {session.kind === "open" && (
        <span className={styles["name"]} data-testid="account-name">
          {session.name ?? `Demo account ${session.account}`}
        </span>
      )}
      {session.kind === "open" && <Action label="API keys" act={() => show("keys")} />}
      {isUser && <Action label="Security" act={() => show("security")} />}
      {isUser ? <Action label="Log out" act={logOut} /> : <Action label="Log in" act={() => show("sign in")} />}
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

/** Apart from the actions: a menu that holds these is gone while a dialog is open. */
export function AccountDialogs({ shown, close }: { shown: AccountDialog | null; close: () => void }): ReactElement | null {
  if (shown === "sign in") return <SignInDialog close={close} />;
  if (shown === "keys") return <KeysDialog close={close} />;
  if (shown === "security") return <SecurityDialog close={close} />;
  return null;
}
