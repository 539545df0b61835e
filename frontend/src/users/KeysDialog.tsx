/** A user's API keys: the list, a new one with its secret (shown once), and revoking. */
import { useCallback, useEffect, useState, type FormEvent, type ReactElement } from "react";
import { moment } from "../decimal/time";
import { keys, makeKey, revokeKey, type ApiKey, type NewApiKey } from "../model/users";
import { useAttempt } from "../ui/attempt";
import { Dialog } from "../ui/Dialog";
import { useVenue } from "../ui/useVenue";
import { Problem, ProofFields, proofOf } from "./fields";
import { Permissions, USUAL } from "./Permissions";
import "./keys.css";

export function KeysDialog({ close }: { close: () => void }): ReactElement {
  const { session, questions } = useVenue();
  const [known, setKnown] = useState<ApiKey[] | null>(null);
  const [made, setMade] = useState<NewApiKey | null>(null);
  const [chosen, setChosen] = useState(USUAL);
  const { isBusy, problem, attempt } = useAttempt();
  const load = useCallback(async () => setKnown(await keys(session)), [session]);
  useEffect(() => void attempt(load), [attempt, load]);
  const make = async (event: FormEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = event.currentTarget;
    const proof = proofOf(new FormData(form));
    const isMade = await attempt(async () => {
      const key = await makeKey(session, [...chosen], proof);
      setMade(key);
      setKnown((before) => [...(before ?? []), key]);
    });
    if (!isMade) return;
    form.reset();
    setChosen(USUAL);
  };
  const revoke = async (key: ApiKey): Promise<void> => {
    const isMeant = await questions.ask({
      title: "Revoke this key?",
      lines: [key.apiKey, "What is signed with it is refused from then on. Its open orders stay in the market."],
      action: "Revoke",
      of: [],
    });
    if (!isMeant) return;
    await revokeKey(session, key.apiKey);
    setKnown((before) => before?.filter(({ apiKey }) => apiKey !== key.apiKey) ?? null);
  };
  return (
    <Dialog title="API keys" close={close}>
      {known !== null && known.length === 0 && <p className="hint">There are none yet.</p>}
      <ul className="api-keys">
        {known?.map((key) => (
          <li key={key.apiKey}>
            <code>{key.apiKey}</code>
            <span className="hint">{key.permissions.join(", ")}</span>
            <button
              type="button"
              className="quiet"
              aria-label={`Revoke ${key.apiKey.slice(0, 8)}`}
              onClick={() => void attempt(() => revoke(key))}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
      <form className="dialog-form" onSubmit={(event) => void make(event)}>
        <Permissions chosen={chosen} choose={setChosen} />
        <ProofFields />
        <Problem of={problem} />
        <button type="submit" className="primary" disabled={isBusy || chosen.length === 0}>
          Make a key
        </button>
      </form>
      {made !== null && known?.some(({ apiKey }) => apiKey === made.apiKey) && <NewKey made={made} />}
    </Dialog>
  );
}

function NewKey({ made }: { made: NewApiKey }): ReactElement {
  return (
    <div className="new-key" role="status">
      <p>The secret was made in this browser, which sends it nowhere and shows it only now. Keep it where nobody else can read it.</p>
      {made.withdrawsFrom !== null && <p>Withdrawals with this key are possible from {moment(made.withdrawsFrom)}.</p>}
      <label>
        API key
        <input readOnly value={made.apiKey} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <label>
        Secret
        <input readOnly value={made.secret} onFocus={(event) => event.currentTarget.select()} />
      </label>
    </div>
  );
}
