import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const SOURCE = join(import.meta.dirname, "..");
const SCALE = { "--font-small": "11px", "--font-base": "12px", "--font-medium": "13px", "--font-large": "16px", "--font-title": "20px" };
const sheets = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".css"));
const read = (path: string): string => readFileSync(join(SOURCE, path), "utf8").replaceAll(/\/\*.*?\*\//gs, "");

test("there are style sheets to look at, and five sizes", () => {
  expect(sheets.length).toBeGreaterThan(20);
  expect(Object.fromEntries([...read("ui/tokens.css").matchAll(/(--font-[\w-]+): ([^;]+);/g)].map(([, name, size]) => [name, size]))).toEqual(SCALE);
});

test.each(sheets)("text has a size of the scale: %s", (path) => {
  const sizes = [...read(path).matchAll(/(?<![\w-])font(?:-size)?:\s*([^;]+);/g)].map(([, size = ""]) => size);
  const allowed = new Set(["inherit", ...Object.keys(SCALE).map((name) => `var(${name})`)]);
  expect(sizes.filter((size) => !allowed.has(size))).toEqual([]);
});

test.each(sheets)("lines are on a grid of four pixels: %s", (path) => {
  const lines = [...read(path).matchAll(/line-height:\s*([\d.]+)px/g)].map(([, height]) => Number(height));
  expect(lines.filter((height) => height % 4 !== 0)).toEqual([]);
});

test("every space but the smallest is on the grid of four pixels, and every one that is used is there", () => {
  const spaces = new Map([...read("ui/tokens.css").matchAll(/--(space-\d+): (\d+)px/g)].map(([, name = "", size]) => [name, Number(size)]));
  expect([...spaces].filter(([name, size]) => name !== "space-1" && size % 4 !== 0)).toEqual([]);
  const used = sheets.flatMap((path) => [...read(path).matchAll(/var\(--(space-\d+)\)/g)].map(([, name = ""]) => name));
  expect([...new Set(used)].filter((name) => !spaces.has(name))).toEqual([]);
});
