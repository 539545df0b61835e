import { expect, it } from "vitest";
import { fromMicros, moment, parseUtc, clock } from "./time";

it("reads the wire's zone-less times as UTC", () => {
  expect(parseUtc("2026-03-04T05:06:07.123")).toBe(Date.UTC(2026, 2, 4, 5, 6, 7, 123));
  expect(parseUtc("2026-03-04 05:06:07")).toBe(Date.UTC(2026, 2, 4, 5, 6, 7));
  expect(parseUtc("2026-03-04T05:06:07.123456")).toBe(Date.UTC(2026, 2, 4, 5, 6, 7, 123));
  expect(() => parseUtc("yesterday")).toThrow(/YYYY-MM-DD/);
});

it("shows today's times short and others with their date", () => {
  const noon = new Date(2026, 2, 4, 12, 0, 5).getTime();
  expect(clock(noon)).toBe("12:00:05");
  expect(moment(noon, noon + 1000)).toBe("12:00:05");
  expect(moment(noon, noon + 86_400_000)).toBe("03-04 12:00:05");
  expect(fromMicros(1_790_000_000_123_456)).toBe(1_790_000_000_123);
});
