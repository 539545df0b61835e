/** The upper edge of the lower panel: by pointer or arrow keys it makes the panel higher, and the browser remembers. */
import type { KeyboardEvent, PointerEvent, ReactElement } from "react";
import { recall, remember } from "../reactive/remembered";

const KEY = "ledger.height";
const [LEAST, USUAL, STEP] = [120, 376, 32];

export function rememberedHeight(): number | null {
  const height = Number(recall(KEY) ?? Number.NaN);
  return Number.isInteger(height) && height >= LEAST ? height : null;
}

export function Resizer({ height, resize }: { height: number | null; resize: (height: number) => void }): ReactElement {
  const most = Math.max(USUAL, innerHeight - 320);
  const now = height ?? USUAL;
  const set = (wanted: number): void => {
    const next = Math.round(Math.min(Math.max(wanted, LEAST), most));
    remember(KEY, String(next));
    resize(next);
  };
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const bottom = event.currentTarget.parentElement?.getBoundingClientRect().bottom ?? 0;
    set(bottom - event.clientY);
  };
  const key = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowUp" ? STEP : event.key === "ArrowDown" ? -STEP : 0;
    if (by === 0) return;
    event.preventDefault();
    set(now + by);
  };
  return (
    <div
      className="resizer"
      role="slider"
      aria-orientation="vertical"
      aria-label="Height of the lower panel"
      aria-valuemin={LEAST}
      aria-valuemax={most}
      aria-valuenow={now}
      aria-valuetext={`${now} pixels`}
      tabIndex={0}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={drag}
      onKeyDown={key}
    />
  );
}
