/** The account's API keys as a component needs them: known, made here a moment ago, and what can be done about them. */
import { useCallback, useEffect, useState } from "react";
import type { ApiError } from "../api/http";
import { keys, makeKey, revokeKey, type ApiKey, type NewApiKey, type Permission, type Proof } from "../model/access/users";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";

interface KnownKeys {
  known: readonly ApiKey[] | null;
  /** Its secret is shown as long as there is this key. */
  made: NewApiKey | null;
  isBusy: boolean;
  problem: ApiError | null;
  /** Resolves to whether it was made. */
  make: (name: string, permissions: Permission[], proof: Proof) => Promise<boolean>;
  revoke: (key: ApiKey) => void;
}

export function useKeys(): KnownKeys {
  const { session, questions } = useVenue();
  const [known, setKnown] = useState<ApiKey[] | null>(null);
  const [made, setMade] = useState<NewApiKey | null>(null);
  const { isBusy, problem, attempt } = useAttempt();
  const load = useCallback(async () => setKnown(await keys(session)), [session]);
  useEffect(() => void attempt(load), [attempt, load]);
  const make = (name: string, permissions: Permission[], proof: Proof): Promise<boolean> =>
    attempt(async () => {
      const key = await makeKey(session, name, permissions, proof);
      setMade(key);
      setKnown((before) => [...(before ?? []), key]);
    });
  const revoke = async (key: ApiKey): Promise<void> => {
    const isMeant = await questions.ask({
      title: "Revoke this key?",
      lines: [key.name || key.apiKey, "What is signed with it is refused from then on. Its open orders stay in the market."],
      action: "Revoke",
      of: [],
    });
    if (!isMeant) return;
    await revokeKey(session, key.apiKey);
    setKnown((before) => before?.filter(({ apiKey }) => apiKey !== key.apiKey) ?? null);
  };
  return {
    known,
    made: known?.some(({ apiKey }) => apiKey === made?.apiKey) ? made : null,
    isBusy,
    problem,
    make,
    revoke: (key) => void attempt(() => revoke(key)),
  };
}
