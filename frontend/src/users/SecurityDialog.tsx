/** Password, second factor and open sessions of the user. At most one form is open. */
import { useId, useState, type ReactElement, type ReactNode } from "react";
import { useStore } from "../reactive/useStore";
import { Dialog } from "../ui/Dialog";
import { useVenue } from "../ui/useVenue";
import { focus } from "./fields";
import { PasswordForm } from "./PasswordForm";
import { TurnOff, TurnOn } from "./SecondFactorForms";
import { Sessions } from "./Sessions";
import styles from "./security.module.css";
import forms from "../ui/form.module.css";

type Form = "password" | "second factor";

export function SecurityDialog({ close }: { close: () => void }): ReactElement {
  const session = useStore(useVenue().session.store);
  const [form, setForm] = useState<Form | null>(null);
  const [left, setLeft] = useState<Form | null>(null); // the form that was open last: its button gets the focus back
  const [done, setDone] = useState("");
  const [round, setRound] = useState(0);
  const isOn = session.kind === "open" && session.secondFactor;
  const show = (wanted: Form | null, message = ""): void => {
    setLeft(form);
    setForm(wanted);
    setDone(message);
  };
  const passwordChanged = (): void => {
    show(null, "The password is changed, and every other session has ended.");
    setRound(round + 1);
  };
  const Factor = isOn ? TurnOff : TurnOn;
  return (
    <Dialog title="Security" close={close}>
      <Setting
        name="Password"
        action="Change"
        isOpen={form === "password"}
        wasOpen={left === "password"}
        open={() => show("password")}
      >
        <PasswordForm done={passwordChanged} cancel={() => show(null)} />
      </Setting>
      <Setting
        name="Second factor"
        state={isOn ? "On" : "Off"}
        action={isOn ? "Turn off" : "Turn on"}
        isOpen={form === "second factor"}
        wasOpen={left === "second factor"}
        open={() => show("second factor")}
      >
        <Factor done={(message) => show(null, message)} cancel={() => show(null)} />
      </Setting>
      {done && (
        <p className={forms["done"]} role="status">
          {done}
        </p>
      )}
      <Sessions key={round} />
    </Dialog>
  );
}

interface SettingProps {
  name: string;
  state?: string;
  action: string;
  isOpen: boolean;
  wasOpen: boolean;
  open: () => void;
  children: ReactNode;
}

function Setting({ name, state, action, isOpen, wasOpen, open, children }: SettingProps): ReactElement {
  const id = useId();
  return (
    <section className={styles["setting"]} aria-labelledby={id}>
      <div className={styles["head"]}>
        <h3 id={id}>{name}</h3>
        {state && <span className={`${styles["state"]} ${styles[state.toLowerCase()] ?? ""}`}>{state}</span>}
        {!isOpen && (
          <button ref={wasOpen ? focus : null} type="button" className={forms["quiet"]} aria-describedby={id} onClick={open}>
            {action}
          </button>
        )}
      </div>
      {isOpen && children}
    </section>
  );
}
