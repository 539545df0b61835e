import { expect, it } from "vitest";
import { parse, toText } from "../decimal/decimal";
import { BookReplica, type Change } from "../model/depth/bookReplica";
import { depthCurve, type DepthPoint } from "./depthCurve";

const side = (levels: [string, string][]): Change[] => levels.map(([price, quantity]) => [parse(price), parse(quantity)]);
const shown = (points: readonly DepthPoint[] = []): [number, number, string][] => points.map(({ x, y, total }) => [x, y, toText(total)]);

it("runs outwards from the middle, as far to one side as to the other", () => {
  const book = new BookReplica();
  book.reset(side([["99", "1"], ["98", "3"], ["90", "50"]]), side([["101", "2"], ["102", "6"]]), 1, 1000);
  const curve = depthCurve(book);
  expect([toText(curve?.lowest ?? 0n), toText(curve?.highest ?? 0n)]).toEqual(["98", "102"]);
  expect(shown(curve?.bids)).toEqual([[0.25, 0.125, "1"], [0, 0.5, "4"]]);
  expect(shown(curve?.asks)).toEqual([[0.75, 0.25, "2"], [1, 1, "8"]]);
});

it("is none while a side is empty", () => {
  const book = new BookReplica();
  book.reset(side([["99", "1"]]), [], 1, 1000);
  expect(depthCurve(book)).toBeNull();
});
