/** Fields and messages shared by the dialogs of a user. */
import type { ReactElement } from "react";
import type { ApiError } from "../api/http";
import type { Proof } from "../model/access/users";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import forms from "../ui/form.module.css";

const MIN_PASSWORD = 8;
const MAX_PASSWORD = 256;
/** As the exchange refuses others; said before they are typed. */
export const NAME_RULE = "3 to 32 characters: letters, digits, and . _ - after the first one.";
export const PASSWORD_RULE = `${MIN_PASSWORD} to ${MAX_PASSWORD} characters, without the name in it, and none of the passwords that are tried first.`;

interface PasswordProps {
  label: string;
  name: string;
  /** A password to be set, not the current one. */
  isNew?: boolean;
  /** The id of the element that says which ones there may be. */
  rule?: string | undefined;
}

export function PasswordField({ label, name, isNew = false, rule }: PasswordProps): ReactElement {
  return (
    <label>
      {label}
      <input
        name={name}
        type="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        required
        minLength={isNew ? MIN_PASSWORD : undefined}
        maxLength={MAX_PASSWORD}
        aria-describedby={rule}
      />
    </label>
  );
}

/** Authenticators show the six digits in two groups, so a space may be typed. `isFocused`: takes the focus when it appears. */
export function CodeField({ isFocused = false }: { isFocused?: boolean }): ReactElement {
  return (
    <label>
      Code that your authenticator shows
      <input
        ref={isFocused ? focus : null}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        pattern="[0-9]{3} ?[0-9]{3}"
        title="six digits"
        maxLength={7}
        required
      />
    </label>
  );
}

/** Password and code again, required for sensitive changes. A demo account has neither. */
export function ProofFields(): ReactElement | null {
  const session = useStore(useVenue().session.store);
  if (session.kind !== "open" || session.name === null) return null;
  return (
    <>
      <input name="name" autoComplete="username" value={session.name} readOnly hidden />
      <PasswordField label="Password" name="password" />
      {session.secondFactor && <CodeField />}
    </>
  );
}

export function proofOf(form: FormData): Proof {
  const [password, code] = [form.get("password"), form.get("code")];
  return {
    ...(typeof password === "string" ? { password } : {}),
    ...(typeof code === "string" ? { code: code.replaceAll(" ", "") } : {}),
  };
}

export function Problem({ of: error }: { of: ApiError | string | null }): ReactElement | null {
  if (error === null || error === "") return null;
  if (typeof error !== "string" && error.code === "SECOND_FACTOR_REQUIRED") {
    return (
      <p className={forms["hint"]} role="status">
        You have a second factor: enter the code that your authenticator shows now.
      </p>
    );
  }
  return (
    <p className={forms["problem"]} role="alert">
      {typeof error === "string" ? error : inWords(error.message)}
    </p>
  );
}

/** The exchange names members of the request; the user sees fields. */
function inWords(message: string): string {
  return message.replace(/^newPassword: password/, "The new password");
}

export function focus(element: HTMLElement | null): void {
  element?.focus();
}

/** For a form that appears: its first field takes the focus. */
export function focusFirst(form: HTMLFormElement | null): void {
  form?.querySelector<HTMLInputElement>("input:not([hidden])")?.focus();
}

/** The buttons of a form inside a dialog; Escape would close the whole dialog. */
export function Buttons({ label, isBusy, cancel }: { label: string; isBusy: boolean; cancel: () => void }): ReactElement {
  return (
    <div className={forms["buttons"]}>
      <button type="button" className={forms["quiet"]} onClick={cancel}>
        Cancel
      </button>
      <button type="submit" className={forms["primary"]} disabled={isBusy}>
        {label}
      </button>
    </div>
  );
}
