/** The crosshair by keyboard, as a slider over the bars: arrows move it from bar to bar, and each is read out. */
import { useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import { parse } from "../decimal/decimal";
import { compact, fixed } from "../decimal/format";
import { moment } from "../decimal/time";
import type { Candle } from "../model/market/candles";
import type { Market } from "../model/market/markets";
import type { Drawing, Step } from "./drawing";
import styles from "./chart.module.css";

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

export function inWords(candle: Candle, market: Market): string {
  const price = (text: string): string => fixed(parse(text), market.priceDecimals);
  const { open, high, low, close, volume } = candle;
  return `${moment(candle.time * 1000)}: open ${price(open)}, high ${price(high)}, low ${price(low)}, close ${price(close)}, volume ${compact(parse(volume))}`;
}

interface KeyboardProps {
  drawing: Drawing | null;
  market: Market;
  name: string;
  children: ReactNode;
}

export function Keyboard({ drawing, market, name, children }: KeyboardProps): ReactElement {
  const [at, setAt] = useState<Step | null>(null);
  const steer = (event: KeyboardEvent): void => {
    const by = STEPS[event.key];
    if (event.key === "Escape") drawing?.leave();
    if (by === undefined) return;
    event.preventDefault();
    setAt(drawing?.step(by) ?? null);
  };
  return (
    <div
      className={styles["keys"]}
      role="slider"
      aria-label={name}
      aria-valuemin={1}
      aria-valuemax={at?.count ?? 1}
      aria-valuenow={at?.position ?? 1}
      aria-valuetext={at ? inWords(at.candle, market) : "The arrow keys go from bar to bar"}
      tabIndex={0}
      onKeyDown={steer}
      onBlur={() => drawing?.leave()}
    >
      {children}
    </div>
  );
}
