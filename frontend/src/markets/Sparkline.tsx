import { useEffect, useState, type ReactElement } from "react";
import { ApiError } from "../api/http";
import { dayOf, pointsOf } from "../model/sparkline";

const [WIDTH, HEIGHT] = [96, 24];
const AGAIN_MS = 60_000;

/** The day's price as a line, for the eye alone: the change beside it says it in figures. */
export function Sparkline({ symbol, tone }: { symbol: string; tone: string }): ReactElement {
  const [closes, setCloses] = useState<readonly number[]>([]);
  useEffect(() => {
    let isStopped = false;
    const load = async (): Promise<void> => {
      try {
        const day = await dayOf(symbol, Date.now());
        if (!isStopped) setCloses(day);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error; // asked for again
      }
    };
    void load();
    const timer = setInterval(() => void load(), AGAIN_MS);
    return () => {
      isStopped = true;
      clearInterval(timer);
    };
  }, [symbol]);
  return (
    <svg className={tone} width={WIDTH} height={HEIGHT} viewBox={`-1 -1 ${WIDTH + 2} ${HEIGHT + 2}`} aria-hidden="true">
      <polyline points={pointsOf(closes, WIDTH, HEIGHT)} fill="none" stroke="currentColor" strokeWidth="1.5" />
    </svg>
  );
}
