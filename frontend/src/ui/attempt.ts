/** Something that the exchange may refuse, one at a time: whether it is under way, and why the last one was refused. */
import { useCallback, useState } from "react";
import { ApiError } from "../api/http";

export interface Attempt {
  isBusy: boolean;
  problem: ApiError | null;
  /** Whether it was done. */
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
