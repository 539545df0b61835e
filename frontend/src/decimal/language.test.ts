import { afterEach, expect, test } from "vitest";
import { parse } from "./decimal";
import { chooseNumbers } from "./language";
import { readTyped } from "./typed";

afterEach(() => chooseNumbers("auto"));

test("the reader's choice of the decimal sign is above the browser's language", () => {
  chooseNumbers("comma");
  expect(readTyped("1,5", "Amount").value).toBe(parse("1.5"));
  chooseNumbers("point");
  expect(readTyped("1,5", "Amount").value).toBe(undefined);
  expect(readTyped("1,500", "Amount").value).toBe(parse("1500"));
});
