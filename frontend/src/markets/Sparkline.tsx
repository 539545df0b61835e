import { useEffect, useState, type ReactElement } from "react";
import { ApiError } from "../api/http";
import { dayOf, pointsOf } from "../model/market/sparkline";

const [WIDTH, HEIGHT] = [96, 24];
const AGAIN_MS = 60_000;
const SOON_MS = 2_000; // of a market whose first trade is a moment old

/** The day's price as a line, for the eye alone: the change beside it says it in figures. Asked for once there were trades. */
export function Sparkline({ symbol, tone, isTraded }: { symbol: string; tone: string; isTraded: boolean }): ReactElement {
  const [closes, setCloses] = useState<readonly number[]>([]);
  useEffect(() => {
    if (!isTraded) return undefined;
    let isStopped = false;
    let timer: ReturnType<typeof setTimeout>;
    const load = async (): Promise<void> => {
      let day: readonly number[] = [];
      try {
        day = await dayOf(symbol, Date.now());
      } catch (error) {
        if (!(error instanceof ApiError)) throw error; // asked for again
      }
      if (isStopped) return;
      if (day.length > 0) setCloses(day);
      timer = setTimeout(() => void load(), day.length > 0 ? AGAIN_MS : SOON_MS);
    };
    void load();
    return () => {
      isStopped = true;
      clearTimeout(timer);
    };
  }, [symbol, isTraded]);
  return (
    <svg className={tone} width={WIDTH} height={HEIGHT} viewBox={`-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`} aria-hidden="true">
      <polyline points={pointsOf(closes, WIDTH, HEIGHT)} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
