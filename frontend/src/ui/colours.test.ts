// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const shown = (): string | undefined => document.documentElement.dataset["colours"];
let system: { matches: boolean; change: () => void };

beforeEach(() => {
  localStorage.clear();
  vi.resetModules();
  system = { matches: false, change: () => {} };
  vi.stubGlobal("matchMedia", () => ({
    get matches() {
      return system.matches;
    },
    addEventListener: (_: string, listener: () => void) => {
      system.change = listener;
    },
  }));
});

/** What is still to be drawn would be left to the next file, whose clock and document are others. */
afterEach(async () => {
  const { frames } = await import("../reactive/frames");
  await new Promise<void>((resolve) => frames.request(resolve));
  vi.resetModules();
  vi.unstubAllGlobals();
});

test("as the system prefers, also when that changes", async () => {
  const { colours } = await import("./colours");
  expect(shown()).toBe("dark");
  system.matches = true;
  system.change();
  expect(shown()).toBe("light");
  expect(colours.get()).toBe("light");
});

test("the reader's choice is applied at once, remembered, and above the system's", async () => {
  const { switchColours } = await import("./colours");
  switchColours();
  expect(shown()).toBe("light");

  vi.resetModules();
  const again = await import("./colours");
  expect(again.colours.get()).toBe("light");
  again.switchColours();
  system.matches = true;
  system.change();
  expect(shown()).toBe("dark");
  again.chooseTheme("auto");
  expect(shown()).toBe("light");
  expect(localStorage.getItem("colours")).toBe("auto");
});

test("the palette is applied and remembered", async () => {
  const { choosePalette } = await import("./colours");
  expect(document.documentElement.dataset["palette"]).toBe("standard");
  choosePalette("safe");
  vi.resetModules();
  const again = await import("./colours");
  expect(again.palette.get()).toBe("safe");
  expect(document.documentElement.dataset["palette"]).toBe("safe");
});
