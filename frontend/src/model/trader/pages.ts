/** The newest rows of a history, read page by page. What comes meanwhile moves the others on: each row is kept once. */
import type { HistoryPage } from "../../api/private";

export interface Newest<T> {
  rows: readonly T[];
  /** Nothing is before them. */
  isAll: boolean;
}

const PAGE = 1_000; // the most that the exchange gives at once

export async function newest<T>(read: (page: HistoryPage) => Promise<T[]>, keyOf: (row: T) => string, most: number): Promise<Newest<T>> {
  const rows = new Map<string, T>();
  for (let offset = 0; offset < most; offset += PAGE) {
    const limit = Math.min(PAGE, most - offset);
    const page = await read({ limit, offset });
    for (const row of page) rows.set(keyOf(row), row);
    if (page.length < limit) return { rows: [...rows.values()], isAll: true };
  }
  return { rows: [...rows.values()], isAll: false };
}

export async function everything<T>(read: (page: HistoryPage) => Promise<T[]>, keyOf: (row: T) => string): Promise<readonly T[]> {
  return (await newest(read, keyOf, Infinity)).rows;
}
