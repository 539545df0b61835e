import { expect, test } from "vitest";
import { everything, newest } from "./pages";

const ids = Array.from({ length: 1_500 }, (_, at) => at);

function reader(): { asked: string[]; read: (page: { offset: number; limit: number }) => Promise<number[]> } {
  const asked: string[] = [];
  const read = ({ offset, limit }: { offset: number; limit: number }): Promise<number[]> => {
    asked.push(`${offset}+${limit}`);
    const first = Math.max(0, offset - 1); // a new row came before the second page was read
    return Promise.resolve(ids.slice(first, first + limit));
  };
  return { asked, read };
}

test("all pages, each row once though one moved to the next page meanwhile", async () => {
  const { asked, read } = reader();
  expect(await everything(read, String)).toEqual(ids);
  expect(asked).toEqual(["0+1000", "1000+1000"]);
});

test("as many as are wanted, and whether there are no others", async () => {
  const { asked, read } = reader();
  expect(await newest(read, String, 100)).toEqual({ rows: ids.slice(0, 100), isAll: false });
  expect((await newest(read, String, 1_100)).rows).toHaveLength(1_099);
  expect(asked).toEqual(["0+100", "0+1000", "1000+100"]);
  expect((await newest(read, String, 2_000)).isAll).toBe(true);
});
