/** The account in the header: log in, sign up, API keys, security, log out. */
import { useState, type ReactElement } from "react";
import { leave } from "../model/users";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { KeysDialog } from "./KeysDialog";
import { SecurityDialog } from "./SecurityDialog";
import { SignInDialog } from "./SignInDialog";
import "./account.css";

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
    <span className="account">
      {session.kind === "open" && <span className="account-name">{session.name ?? `Demo account ${session.account}`}</span>}
      {session.kind === "open" && (
        <button type="button" className="quiet" onClick={() => setShown("keys")}>
          API keys
        </button>
      )}
      {isUser && (
        <button type="button" className="quiet" onClick={() => setShown("security")}>
          Security
        </button>
      )}
      {isUser ? (
        <button type="button" className="quiet" onClick={logOut}>
          Log out
        </button>
      ) : (
        <button type="button" className="quiet" onClick={() => setShown("sign in")}>
          Log in
        </button>
      )}
      {shown === "sign in" && <SignInDialog close={close} />}
      {shown === "keys" && <KeysDialog close={close} />}
      {shown === "security" && <SecurityDialog close={close} />}
    </span>
  );
}
