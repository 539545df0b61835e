/** Turning the second factor on, in two steps, and off. */
import { useState, type FormEvent, type ReactElement } from "react";
import { beginSecondFactor, confirmSecondFactor, removeSecondFactor, type SecondFactor } from "../model/access/security";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import { Buttons, CodeField, focusFirst, Problem, ProofFields, proofOf } from "./fields";
import { QrCode } from "./QrCode";
import forms from "../ui/form.module.css";
import styles from "./security.module.css";

interface Props {
  done: (message: string) => void;
  cancel: () => void;
}

export function TurnOn({ done, cancel }: Props): ReactElement {
  const session = useVenue().session;
  const [factor, setFactor] = useState<SecondFactor | null>(null);
  const { isBusy, problem, attempt } = useAttempt();
  if (factor !== null) return <Confirm factor={factor} done={done} cancel={cancel} />;
  const submit = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const proof = proofOf(new FormData(event.currentTarget));
    void attempt(async () => setFactor(await beginSecondFactor(session, proof)));
  };
  return (
    <form ref={focusFirst} className={forms["form"]} onSubmit={submit}>
      <p className={forms["hint"]}>
        Logging in, and every action that asks for your password, will also ask for a code from an authenticator app.
      </p>
      <ProofFields />
      <Problem of={problem} />
      <Buttons label="Continue" isBusy={isBusy} cancel={cancel} />
    </form>
  );
}

function Confirm({ factor, done, cancel }: Props & { factor: SecondFactor }): ReactElement {
  const session = useVenue().session;
  const { isBusy, problem, attempt } = useAttempt();
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const { code = "" } = proofOf(new FormData(event.currentTarget));
    if (await attempt(() => confirmSecondFactor(session, code))) done("The second factor is on.");
  };
  return (
    <form className={forms["form"]} onSubmit={(event) => void submit(event)}>
      <p className={forms["hint"]}>Scan the code with an authenticator app, or enter the secret by hand.</p>
      <QrCode text={factor.uri} label="QR code for an authenticator app" />
      <label>
        Secret
        <output className={styles["secret"]}>{inGroups(factor.secret)}</output>
      </label>
      <a className={forms["quiet"]} href={factor.uri}>
        Open in an app on this device
      </a>
      <p className={forms["hint"]}>
        Keep a copy of the secret in a safe place: if you lose both the app and the secret, you lose access to this account.
      </p>
      <CodeField isFocused />
      <Problem of={problem} />
      <Buttons label="Turn on" isBusy={isBusy} cancel={cancel} />
    </form>
  );
}

export function TurnOff({ done, cancel }: Props): ReactElement {
  const session = useVenue().session;
  const { isBusy, problem, attempt } = useAttempt();
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const proof = proofOf(new FormData(event.currentTarget));
    if (await attempt(() => removeSecondFactor(session, proof))) done("The second factor is off.");
  };
  return (
    <form ref={focusFirst} className={forms["form"]} onSubmit={(event) => void submit(event)}>
      <p className={forms["hint"]}>Once it is off, the password alone is enough to log in.</p>
      <ProofFields />
      <Problem of={problem} />
      <Buttons label="Turn off" isBusy={isBusy} cancel={cancel} />
    </form>
  );
}

/** In groups of four, which are easier to copy by hand; authenticators ignore the spaces. */
function inGroups(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(" ") ?? secret;
}
