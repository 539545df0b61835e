import { expect, test } from "vitest";
import { csvOf, everything, tableOf } from "./csv";

test("what would break a row is quoted; what is not there is empty", () => {
  expect(csvOf(["a", "b"], [["1.50", null], ['say "x"', "1,5"], [true, "two\nlines"]])).toBe(
    'a,b\r\n1.50,\r\n"say ""x""","1,5"\r\ntrue,"two\nlines"\r\n',
  );
});

test("times say that they are UTC", () => {
  expect(tableOf(["timestamp", "price"], [{ timestamp: "2026-03-04T05:06:07.123", price: "1.5" }])).toBe(
    "timestamp,price\r\n2026-03-04T05:06:07.123Z,1.5\r\n",
  );
});

test("all pages, each row once though one moved to the next page meanwhile", async () => {
  const ids = Array.from({ length: 1_500 }, (_, at) => at);
  const asked: number[] = [];
  const read = ({ offset, limit }: { offset: number; limit: number }): Promise<number[]> => {
    asked.push(offset);
    const first = Math.max(0, offset - 1); // a new row came before the second page was read
    return Promise.resolve(ids.slice(first, first + limit));
  };
  expect(await everything(read, String, null)).toEqual(ids);
  expect(asked).toEqual([0, 1_000]);
});
