import { describe, expect, it } from "vitest";
import { parse } from "./decimal";
import { change, compact, direction, fixed, signed, trimmed } from "./format";

describe("fixed", () => {
  it.each([
    ["1234567.891", 2, "1,234,567.89"],
    ["0.005", 2, "0.01"],
    ["0.0049", 2, "0.00"],
    ["-1234.5", 1, "\u22121,234.5"],
    ["-0.001", 2, "0.00"],
    ["999.999", 2, "1,000.00"],
    ["12", 0, "12"],
    ["1234.5", 0, "1,235"],
  ])("%s with %i decimals is %s", (text, decimals, shown) => {
    expect(fixed(parse(text), decimals)).toBe(shown);
  });
});

describe("trimmed", () => {
  it("shows what is there, within bounds, and never more than there is", () => {
    expect(trimmed(parse("1.5"), 0, 8)).toBe("1.5");
    expect(trimmed(parse("1000"), 2, 8)).toBe("1,000.00");
    expect(trimmed(parse("1000"), 0, 8)).toBe("1,000");
    expect(trimmed(parse("0.999999999"), 0, 2)).toBe("0.99");
  });
});

it("compacts volumes", () => {
  expect(compact(parse("999"))).toBe("999.00");
  expect(compact(parse("12345"))).toBe("12.35K");
  expect(compact(parse("1240000"))).toBe("1.24M");
  expect(compact(parse("7300000000"))).toBe("7.30B");
});

it("shows changes with their sign", () => {
  expect(change(parse("100"), parse("101.525"))).toBe("+1.53%");
  expect(change(parse("100"), parse("99"))).toBe("\u22121.00%");
  expect(change(parse("100"), parse("100"))).toBe("0.00%");
  expect(change(0n, parse("5"))).toBe("0.00%");
  expect(signed(parse("2.5"), 2)).toBe("+2.50");
  expect(direction(1n, 2n)).toBe("up");
});
