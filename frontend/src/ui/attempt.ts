/** One request at a time that the exchange may refuse: whether it is in progress, and why the last one failed. */
import { useCallback, useState } from "react";
import { ApiError } from "../api/http";

interface Attempt {
  isBusy: boolean;
  problem: ApiError | null;
  /** Resolves to whether it succeeded. */
  attempt: (work: () => Promise<unknown>) => Promise<boolean>;
  clear: () => void;
}

export function useAttempt(): Attempt {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const attempt = useCallback(async (work: () => Promise<unknown>): Promise<boolean> => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error);
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { isBusy, problem, attempt, clear: () => setProblem(null) };
}
