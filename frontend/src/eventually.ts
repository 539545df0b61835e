import { vi } from "vitest";

/** For tests: until the assertion holds. The minute is only a limit, for a machine that does much else. */
export const eventually = (holds: () => void): Promise<void> => vi.waitFor(holds, { timeout: 60_000 });
