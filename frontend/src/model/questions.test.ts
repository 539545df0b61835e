// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it } from "vitest";
import { confirmations, switchConfirmation } from "./confirmations";
import { Questions } from "./questions";

const question = { title: "Cancel all?", lines: [], action: "Cancel all", of: ["cancelAll"] as const };

beforeEach(() => {
  localStorage.clear();
  switchConfirmation("cancelAll", true);
});

// What the stores have to tell is told while there is a window: see realTime.ts.
afterEach(() => new Promise((resolve) => requestAnimationFrame(resolve)));

it("does what was confirmed, and nothing else", async () => {
  const questions = new Questions();
  const first = questions.ask(question);
  expect(await questions.ask(question)).toBe(false);
  questions.answer(true);
  expect(await first).toBe(true);
  const second = questions.ask(question);
  questions.answer(false, true);
  expect(await second).toBe(false);
  expect(confirmations.get().has("cancelAll")).toBe(true);
});

it("is not asked again once switched off, in this browser", async () => {
  const questions = new Questions();
  const first = questions.ask(question);
  questions.answer(true, true);
  await first;
  expect(await questions.ask(question)).toBe(true);
  expect(questions.asked.get()).toBeNull();
  expect(localStorage.getItem("confirmations.off")).toBe("cancelAll");
  void questions.ask({ ...question, of: ["cancelAll", "share"] });
  expect(questions.asked.get()).not.toBeNull();
});
