import { afterEach, expect, it, vi } from "vitest";
import { realTime } from "../realTime";
import { Clock } from "./clock";

const NOW = Date.UTC(2026, 2, 4, 5, 6, 7);

afterEach(realTime);

it("is the reader's until a frame says what time it is, and then goes on by itself", () => {
  vi.useFakeTimers({ now: NOW });
  const clock = new Clock();
  expect([clock.isKnown, clock.now()]).toEqual([false, NOW]);
  clock.hear((NOW - 90_000) * 1000);
  vi.advanceTimersByTime(1_500);
  expect([clock.isKnown, clock.now()]).toEqual([true, NOW - 88_500]);
  vi.setSystemTime(0); // somebody sets the clock of the machine
  expect(clock.now()).toBe(NOW - 88_500);
});
