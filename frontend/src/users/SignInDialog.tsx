import { useState, type FormEvent, type ReactElement } from "react";
import { ApiError } from "../api/http";
import { Dialog } from "./Dialog";
import { enter, type Entrance } from "./users";

const MIN_PASSWORD = 8;

export function SignInDialog({ close }: { close: () => void }): ReactElement {
  const [entrance, setEntrance] = useState<Entrance>("login");
  const [problem, setProblem] = useState("");
  const [needsCode, setNeedsCode] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const isNew = entrance === "signup";
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await enter(entrance, String(form.get("name")), String(form.get("password")), String(form.get("code") ?? ""));
      location.reload();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setNeedsCode(needsCode || error.code === "SECOND_FACTOR_REQUIRED");
      setProblem(error.message);
      setBusy(false);
    }
  };
  const other: Entrance = isNew ? "login" : "signup";
  return (
    <Dialog title={isNew ? "Sign up" : "Log in"} close={close}>
      <form className="dialog-form" onSubmit={(event) => void submit(event)}>
        <label>
          Name
          <input name="name" autoComplete="username" required minLength={3} maxLength={32} spellCheck={false} />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? "new-password" : "current-password"}
            required
            minLength={MIN_PASSWORD}
            maxLength={256}
          />
        </label>
        {needsCode && !isNew && (
          <label>
            Code of the second factor
            <input
              name="code"
              inputMode="numeric"
              autoComplete="one-time-code"
              pattern="[0-9]{6}"
              maxLength={6}
              required
              autoFocus
            />
          </label>
        )}
        {problem && (
          <p className="dialog-problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" className="primary" disabled={isBusy}>
          {isNew ? "Sign up" : "Log in"}
        </button>
        <button
          type="button"
          className="quiet"
          onClick={() => {
            setEntrance(other);
            setProblem("");
          }}
        >
          {isNew ? "I have an account: log in" : "New here? Sign up"}
        </button>
      </form>
    </Dialog>
  );
}
