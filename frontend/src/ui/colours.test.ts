// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from "vitest";

const shown = (): string | undefined => document.documentElement.dataset["colours"];

beforeEach(() => {
  localStorage.clear();
  vi.resetModules();
});

test("dark at first; the reader's choice is applied at once and remembered", async () => {
  const { switchColours } = await import("./colours");
  expect(shown()).toBe("dark");
  switchColours();
  expect(shown()).toBe("light");

  vi.resetModules();
  const again = await import("./colours");
  expect(again.colours.get()).toBe("light");
  again.switchColours();
  expect(shown()).toBe("dark");
  expect(localStorage.getItem("colours")).toBe("dark");
});
