import { afterEach, expect, test } from "vitest";
import { parse } from "./decimal";
import { chooseNumbers } from "./language";
import { frames } from "../reactive/frames";
import { readTyped } from "./typed";

afterEach(async () => {
  chooseNumbers("auto");
  await new Promise<void>((resolve) => frames.request(resolve)); // the next file may stop the clock
});

test("the reader's choice of the decimal sign is above the browser's language", () => {
  chooseNumbers("comma");
  expect(readTyped("1,5", "Amount").value).toBe(parse("1.5"));
  chooseNumbers("point");
  expect(readTyped("1,5", "Amount").value).toBe(undefined);
  expect(readTyped("1,500", "Amount").value).toBe(parse("1500"));
});
