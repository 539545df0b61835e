/** What an account's request answers, read again for each new key; why not, if it was refused. */
import { useEffect, useState } from "react";
import { ApiError } from "../api/http";

type Loaded<T> = { value: T | null; problem: string | null };

export function useLoaded<T>(read: () => Promise<T>, key: unknown): Loaded<T> {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: null, problem: null });
  useEffect(() => {
    let isStopped = false;
    const load = async (): Promise<void> => {
      try {
        const value = await read();
        if (!isStopped) setLoaded({ value, problem: null });
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!isStopped) setLoaded(({ value }) => ({ value, problem: error.message }));
      }
    };
    void load();
    return () => {
      isStopped = true;
    };
    // oxlint-disable-next-line react/exhaustive-deps -- the key says when; what reads is made anew for each drawing
  }, [key]);
  return loaded;
}
