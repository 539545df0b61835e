import { useState, type FormEvent, type ReactElement } from "react";
import { changePassword } from "../model/access/security";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import { Buttons, focusFirst, PASSWORD_RULE, PasswordField, Problem, ProofFields, proofOf } from "./fields";
import forms from "../ui/form.module.css";

export function PasswordForm({ done, cancel }: { done: () => void; cancel: () => void }): ReactElement {
  const session = useVenue().session;
  const { isBusy, problem, attempt, clear } = useAttempt();
  const [mistake, setMistake] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const wanted = String(form.get("new"));
    if (wanted !== form.get("again")) {
      clear();
      setMistake("The new password is not the same both times");
      return;
    }
    setMistake("");
    if (await attempt(() => changePassword(session, proofOf(form), wanted))) done();
  };
  return (
    <form ref={focusFirst} className={forms["form"]} onSubmit={(event) => void submit(event)}>
      <ProofFields />
      <PasswordField label="New password" name="new" isNew />
      <PasswordField label="New password again" name="again" isNew />
      <p className={forms["hint"]}>{PASSWORD_RULE} Every other session ends, on all devices.</p>
      <Problem of={mistake || problem} />
      <Buttons label="Change password" isBusy={isBusy} cancel={cancel} />
    </form>
  );
}
