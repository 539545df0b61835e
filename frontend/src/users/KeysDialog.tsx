/** A user's API keys: what there are, a new one with its secret (shown once), and an end for each. */
import { useEffect, useState, type FormEvent, type ReactElement } from "react";
import { ApiError } from "../api/http";
import { useVenue } from "../app/venue";
import { Dialog } from "./Dialog";
import { keys, makeKey, revokeKey, type ApiKey, type NewApiKey, type Permission } from "./users";

const PERMISSIONS: Permission[] = ["read", "trade", "withdraw"];

function reason(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  throw error;
}

export function KeysDialog({ close }: { close: () => void }): ReactElement {
  const session = useVenue().session;
  const [known, setKnown] = useState<ApiKey[] | null>(null);
  const [made, setMade] = useState<NewApiKey | null>(null);
  const [problem, setProblem] = useState("");
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      setProblem("");
      await work();
      setKnown(await keys(session));
    } catch (error) {
      setProblem(reason(error));
    }
  };
  useEffect(() => {
    keys(session).then(setKnown, (error: unknown) => setProblem(reason(error)));
  }, [session]);
  const make = (event: FormEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const chosen = new FormData(event.currentTarget);
    const permissions = PERMISSIONS.filter((each) => chosen.has(each));
    const [password, code] = ["password", "code"].map((name) => String(chosen.get(name) ?? ""));
    void attempt(async () => setMade(await makeKey(session, permissions, password ?? "", code ?? "")));
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
              onClick={() => void attempt(() => revokeKey(session, key.apiKey))}
            >
              Revoke
            </button>
          </li>
        ))}
      </ul>
      <form className="dialog-form" onSubmit={make}>
        <fieldset className="permissions">
          <legend>A new key that may</legend>
          {PERMISSIONS.map((each) => (
            <label key={each}>
              <input type="checkbox" name={each} defaultChecked={each !== "withdraw"} /> {each}
            </label>
          ))}
        </fieldset>
        <label>
          Password
          <input name="password" type="password" autoComplete="current-password" maxLength={256} />
        </label>
        <label>
          Code of the second factor, if you have one
          <input name="code" inputMode="numeric" autoComplete="one-time-code" pattern="[0-9]{6}" maxLength={6} />
        </label>
        <button type="submit" className="primary">
          Make a key
        </button>
      </form>
      {made !== null && known?.some(({ apiKey }) => apiKey === made.apiKey) && (
        <div className="new-key" role="status">
          <p>The secret is shown only now. Keep it where nobody else can read it.</p>
          {made.withdrawsFrom !== null && <p>It may withdraw from {new Date(made.withdrawsFrom).toLocaleString()} on.</p>}
          <label>
            API key
            <input readOnly value={made.apiKey} onFocus={(event) => event.currentTarget.select()} />
          </label>
          <label>
            Secret
            <input readOnly value={made.secret ?? ""} onFocus={(event) => event.currentTarget.select()} />
          </label>
        </div>
      )}
      {problem && (
        <p className="dialog-problem" role="alert">
          {problem}
        </p>
      )}
    </Dialog>
  );
}
