/** Who asks? An administrator's key answers: it signs here, in this tab, and nothing keeps it. */
import { useState, type FormEvent, type ReactElement } from "react";
import type { Gate, Operator } from "./operator";
import style from "./status.module.css";

export function KeyForm({ operator, gate }: { operator: Operator; gate: Gate }): ReactElement {
  const [secret, setSecret] = useState("");
  const open = (event: FormEvent): void => {
    event.preventDefault();
    void operator.open(secret);
    setSecret("");
  };
  return (
    <form className={style["gate"]} onSubmit={open}>
      <p>
        This page is for administrators: whoever has a key of account 1, the exchange’s own. It is made on the machine of the
        exchange:
      </p>
      <pre>exchange keys create --account 1 --permissions read,trade</pre>
      <label>
        <span>Secret of the key</span>
        <input type="password" autoComplete="off" spellCheck={false} value={secret} onChange={(event) => setSecret(event.target.value)} />
      </label>
      <p className={style["hint"]}>It signs in this tab and is forgotten with it: only signatures leave the page.</p>
      <p role="alert" className={style["trouble"]}>
        {gate.kind === "closed" && gate.why}
      </p>
      <button type="submit" className={style["go"]} disabled={gate.kind === "opening" || secret === ""}>
        {gate.kind === "opening" ? "Opening…" : "Open"}
      </button>
    </form>
  );
}
