/**
 * The upper edge of the lower panel: by pointer or arrow keys it makes the panel higher, and the browser remembers; a double
 * click, or Escape, gives it what room there is again.
 */
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactElement, type RefObject } from "react";
import { recall, remember } from "../reactive/remembered";
import styles from "./trade.module.css";

const KEY = "ledger.height";
const [LEAST, STEP] = [120, 32];
const OF_CHART = 320; // is left to it, with what is above and below

export function rememberedHeight(): number | null {
  const height = Number(recall(KEY) ?? "");
  return Number.isInteger(height) && height >= LEAST ? height : null;
}

export function Resizer({ height, resize }: { height: number | null; resize: (height: number | null) => void }): ReactElement {
  const edge = useRef<HTMLDivElement>(null);
  const measured = useHeight(edge);
  const most = Math.max(LEAST, innerHeight - OF_CHART);
  const now = height ?? measured;
  const set = (wanted: number): void => {
    const next = Math.round(Math.min(Math.max(wanted, LEAST), most));
    remember(KEY, String(next));
    resize(next);
  };
  const release = (): void => {
    remember(KEY, "");
    resize(null);
  };
  const drag = (event: PointerEvent<HTMLDivElement>): void => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
    const bottom = event.currentTarget.parentElement?.getBoundingClientRect().bottom ?? 0;
    set(bottom - event.clientY);
  };
  const key = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowUp" ? STEP : event.key === "ArrowDown" ? -STEP : 0;
    if (event.key === "Escape") release();
    if (by === 0) return;
    event.preventDefault();
    set(now + by);
  };
  return (
    <div
      ref={edge}
      className={styles["resizer"]}
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
      onDoubleClick={release}
      onKeyDown={key}
    />
  );
}

/** Of the panel that the edge belongs to, while the layout decides it. */
function useHeight(edge: RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(0);
  useEffect(() => {
    const panel = edge.current?.parentElement;
    if (!panel) return undefined;
    const observer = new ResizeObserver(() => setHeight(Math.round(panel.getBoundingClientRect().height)));
    observer.observe(panel);
    return () => observer.disconnect();
  }, [edge]);
  return height;
}
