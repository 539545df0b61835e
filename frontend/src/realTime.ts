/**
 * For tests: the end of a time that was made up. What stores have to tell in the next frame is told before it ends: test
 * files share one copy of `frames`, and a frame that was asked for and never comes would be the last of that copy.
 */
import { vi } from "vitest";

const FRAME_MS = 20;

export function realTime(): void {
  vi.advanceTimersByTime(FRAME_MS);
  vi.useRealTimers();
}
