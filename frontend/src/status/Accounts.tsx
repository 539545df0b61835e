/** One account at a time: what it has, and whether it may trade. */
import { useState, type FormEvent, type ReactElement } from "react";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import type { AdminAccount, Operator } from "./operator";
import style from "./status.module.css";

export function Accounts({ operator }: { operator: Operator }): ReactElement {
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<AdminAccount | null>(null);
  const { isBusy, problem, attempt } = useAttempt();
  const { questions } = useVenue();
  const find = (event: FormEvent): void => {
    event.preventDefault();
    setFound(null);
    void attempt(async () => setFound(await operator.account(Number(typed))));
  };
  const freeze = async ({ account, frozen }: AdminAccount): Promise<void> => {
    const action = frozen ? "Unfreeze" : "Freeze";
    const effect = frozen ? "It may trade again." : "It can only cancel from now on; its orders stay until then.";
    if (!(await questions.ask({ title: `${action} account ${account}?`, lines: [effect], action, of: [] }))) return;
    await attempt(async () => setFound(await operator.freeze(account, !frozen)));
  };
  return (
    <section aria-labelledby="accounts" className={style["panel"]}>
      <h2 id="accounts">Accounts</h2>
      <form className={style["find"]} onSubmit={find}>
        <label>
          <span>Account number</span>
          <input inputMode="numeric" pattern="[0-9]+" required value={typed} onChange={(event) => setTyped(event.target.value)} />
        </label>
        <button type="submit" className="small" disabled={isBusy}>
          Look up
        </button>
      </form>
      <p role="alert" className={style["trouble"]}>
        {problem?.message}
      </p>
      {found && <Found account={found} isBusy={isBusy} freeze={() => void freeze(found)} />}
    </section>
  );
}

function Found({ account, isBusy, freeze }: { account: AdminAccount; isBusy: boolean; freeze: () => void }): ReactElement {
  return (
    <div role="group" aria-label={`Account ${account.account}`}>
      <p className={account.frozen ? style["trouble"] : ""}>
        Account {account.account} {account.frozen ? "is frozen" : "may trade"}; fee tier {account.feeTier}, {account.keys.length}{" "}
        {account.keys.length === 1 ? "key" : "keys"}.
      </p>
      <ul className={style["balances"]}>
        {Object.entries(account.balances).map(([asset, { available, locked }]) => (
          <li key={asset}>
            {asset}: {available} available, {locked} in orders
          </li>
        ))}
      </ul>
      <button type="button" className="small" disabled={isBusy} onClick={freeze}>
        {account.frozen ? "Unfreeze" : "Freeze"} account {account.account}
      </button>
    </div>
  );
}
