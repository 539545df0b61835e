import { describe, expect, it } from "vitest";
import { parse } from "./decimal";
import { about, change, compact, direction, exactly, fixed, short, signed, trend, trimmed } from "./format";

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

it("a change that is rounded away has neither sign nor direction", () => {
  const texts = ["100", "100.004", "99.996", "100.005", "99.99"].map((last) => change(parse("100"), parse(last)));
  expect(texts).toEqual(["0.00%", "0.00%", "0.00%", "+0.01%", "\u22120.01%"]);
  expect(texts.map(trend)).toEqual(["flat", "flat", "flat", "up", "down"]);
  expect([signed(parse("0.001"), 2), signed(parse("-0.001"), 2), trend("\u2013")]).toEqual(["0.00", "0.00", "flat"]);
});

it("does not call little nothing", () => {
  expect([about(parse("0.004"), 2), about(0n, 2), about(parse("0.005"), 2), about(parse("0.2"), 0)]).toEqual(["<0.01", "0.00", "0.01", "<1"]);
});

it("shows money with all its decimals, or marks that there is more", () => {
  expect([exactly(parse("12.5")), exactly(parse("0.123456789012345678")), exactly(parse("3"), 0)]).toEqual(["12.50", "0.123456789012345678", "3"]);
  const shorter = (text: string, room?: number): string => short(parse(text), exactly(parse(text)), room);
  expect([shorter("0.123456789012345678"), shorter("1234.5678901234"), shorter("999999.999999")]).toEqual(["0.12345678901…", "1.23K", "999,999.999999"]);
  expect(shorter("0.123456789012345678", 22)).toBe("0.123456789012345678");
});
