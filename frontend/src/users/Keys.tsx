/** A user's API keys: the list, a new one with its secret (shown once), and revoking. */
import { useState, type FormEvent, type ReactElement } from "react";
import { moment } from "../decimal/time";
import { MAX_KEY_NAME, type NewApiKey } from "../model/access/users";
import forms from "../ui/form.module.css";
import { copy } from "../ui/copy";
import { Problem, ProofFields, proofOf } from "./fields";
import { KeyList } from "./KeyList";
import styles from "./keys.module.css";
import { Permissions, USUAL } from "./Permissions";
import { useKeys } from "./useKeys";

export function Keys(): ReactElement {
  const { known, made, isBusy, problem, make, revoke } = useKeys();
  const [chosen, setChosen] = useState(USUAL);
  const submit = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const element = event.currentTarget;
    const data = new FormData(element);
    if (!(await make(String(data.get("keyName")).trim(), [...chosen], proofOf(data)))) return;
    element.reset();
    setChosen(USUAL);
  };
  return (
    <>
      {known !== null && known.length === 0 && <p className={forms["hint"]}>There are none yet.</p>}
      <KeyList known={known ?? []} revoke={revoke} />
      {made !== null && <NewKey made={made} />}
      <form className={forms["form"]} aria-label="A new key" onSubmit={(event) => void submit(event)}>
        <label>
          Name of a new key
          <input name="keyName" autoComplete="off" maxLength={MAX_KEY_NAME} placeholder="What it is for, if you like" />
        </label>
        <Permissions chosen={chosen} choose={setChosen} />
        <ProofFields />
        <Problem of={problem} />
        <button type="submit" className={forms["primary"]} disabled={isBusy || chosen.length === 0}>
          Make a key
        </button>
      </form>
    </>
  );
}

function NewKey({ made }: { made: NewApiKey }): ReactElement {
  return (
    <div className={`${forms["form"]} ${styles["made"]}`} role="status" data-testid="new-key">
      <p>The secret was made in this browser, which sends it nowhere and shows it only now. Keep it where nobody else can read it.</p>
      {made.withdrawsFrom !== null && <p>Withdrawals with this key are possible from {moment(made.withdrawsFrom)}.</p>}
      <ToKeep name="API key" text={made.apiKey} />
      <ToKeep name="Secret" text={made.secret} />
    </div>
  );
}

function ToKeep({ name, text }: { name: string; text: string }): ReactElement {
  const [said, setSaid] = useState("Copy");
  return (
    <div className={styles["kept"]}>
      <label>
        {name}
        <input readOnly value={text} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <button type="button" className={forms["quiet"]} onClick={() => void copy(text).then((isCopied) => setSaid(isCopied ? "Copied" : "Not copied: select"))}>
        {said}
        <span className="hidden"> {name}</span>
      </button>
    </div>
  );
}
