import { describe, expect, it } from "vitest";
import { ceilTo, DecimalError, decimalsOf, divide, floorTo, multiply, parse, ratio, toText } from "./decimal";

describe("parse and toText", () => {
  it.each([
    ["0", "0"],
    ["100.50", "100.5"],
    [".5", "0.5"],
    ["5.", "5"],
    ["-0.25", "-0.25"],
    ["0.000000000000000001", "0.000000000000000001"],
    ["4611686018427387904.123456789", "4611686018427387904.123456789"],
  ])("%s reads as %s", (text, shortest) => {
    expect(toText(parse(text))).toBe(shortest);
  });

  it.each(["", ".", "1e5", "NaN", "1,000", " 1", "0x10", "1.2.3", "--1", "Infinity"])("refuses %j", (text) => {
    expect(() => parse(text)).toThrow(DecimalError);
  });

  it("refuses more decimals than it holds", () => {
    expect(() => parse(`0.${"1".repeat(19)}`)).toThrow(/more than 18 decimals/);
  });

  it("keeps what a float loses", () => {
    expect(toText(parse("0.1") + parse("0.2"))).toBe("0.3");
    expect(toText(parse("9007199254740993.01"))).toBe("9007199254740993.01");
  });
});

describe("arithmetic", () => {
  it("multiplies a price and a quantity exactly", () => {
    expect(toText(multiply(parse("97312.123456789"), parse("0.000000001")))).toBe("0.000097312123456789");
  });

  it("divides towards zero", () => {
    expect(toText(divide(parse("1"), parse("3")))).toBe(`0.${"3".repeat(18)}`);
  });

  it("rounds to steps", () => {
    expect(toText(floorTo(parse("1.239"), parse("0.01")))).toBe("1.23");
    expect(toText(ceilTo(parse("1.231"), parse("0.01")))).toBe("1.24");
    expect(toText(ceilTo(parse("1.23"), parse("0.01")))).toBe("1.23");
  });

  it("counts the decimals of a step", () => {
    expect([decimalsOf("0.001"), decimalsOf("1"), decimalsOf("0.50"), decimalsOf("10")]).toEqual([3, 0, 1, 0]);
  });

  it("gives a share for the screen, also of nothing", () => {
    expect(ratio(parse("1"), parse("4"))).toBe(0.25);
    expect(ratio(parse("1"), 0n)).toBe(0);
  });
});
