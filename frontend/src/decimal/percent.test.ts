import { expect, it } from "vitest";
import { parse } from "./decimal";
import { percentOf } from "./percent";

const percent = (part: string, whole: string, decimals: number): string => percentOf(parse(part), parse(whole), decimals);

it("rounds a share, but neither to nothing nor to all", () => {
  expect([percent("0", "5", 1), percent("5", "5", 1), percent("1", "3", 1), percent("0", "0", 2)]).toEqual(["0.0", "100.0", "33.3", "0.00"]);
  expect([percent("0.000001", "5", 1), percent("4.999999", "5", 1)]).toEqual(["<0.1", ">99.9"]);
  expect([percent("1", "1000", 0), percent("999", "1000", 0), percent("6", "1000", 0)]).toEqual(["<1", ">99", "1"]);
  expect(percent("0.000000000000000001", "1000000000000", 2)).toBe("<0.01");
});
