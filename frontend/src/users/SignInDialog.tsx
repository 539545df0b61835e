import { useId, useState, type FormEvent, type ReactElement } from "react";
import { enter, type Entrance } from "../model/access/users";
import { useAttempt } from "../ui/attempt";
import { Dialog } from "../ui/Dialog";
import { CodeField, NAME_RULE, PASSWORD_RULE, PasswordField, Problem, proofOf } from "./fields";
import forms from "../ui/form.module.css";

export function SignInDialog({ close }: { close: () => void }): ReactElement {
  const [entrance, setEntrance] = useState<Entrance>("login");
  const [needsCode, setNeedsCode] = useState(false);
  const { isBusy, problem, attempt, clear } = useAttempt();
  const id = useId();
  const isNew = entrance === "signup";
  const [nameRule, passwordRule] = isNew ? [`${id}name`, `${id}password`] : [];
  const asksCode = !isNew && (needsCode || problem?.code === "SECOND_FACTOR_REQUIRED");
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setNeedsCode(asksCode);
    if (await attempt(() => enter(entrance, String(form.get("name")), proofOf(form)))) location.reload();
  };
  const change = (to: Entrance): void => {
    setEntrance(to);
    setNeedsCode(false);
    clear();
  };
  return (
    <Dialog title={isNew ? "Sign up" : "Log in"} close={close}>
      <form className={forms["form"]} onSubmit={(event) => void submit(event)}>
        <label>
          Name
          <input name="name" autoComplete="username" required minLength={3} maxLength={32} spellCheck={false} aria-describedby={nameRule} />
        </label>
        {isNew && (
          <p id={nameRule} className={forms["hint"]}>
            {NAME_RULE}
          </p>
        )}
        <PasswordField label="Password" name="password" isNew={isNew} rule={passwordRule} />
        {isNew && (
          <p id={passwordRule} className={forms["hint"]}>
            {PASSWORD_RULE}
          </p>
        )}
        {asksCode && <CodeField isFocused />}
        <Problem of={problem} />
        <button type="submit" className={forms["primary"]} disabled={isBusy}>
          {isNew ? "Sign up" : "Log in"}
        </button>
        <button type="button" className={forms["quiet"]} onClick={() => change(isNew ? "login" : "signup")}>
          {isNew ? "I have an account: log in" : "New here? Sign up"}
        </button>
      </form>
    </Dialog>
  );
}
