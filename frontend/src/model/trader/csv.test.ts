import { expect, test } from "vitest";
import type { PrivateApi } from "../../api/private";
import { csvOf, ordersAsCsv, tableOf } from "./csv";

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

test("the orders of the table and no others: those that have ended, of the side that is shown", async () => {
  const orders = [
    { id: "1", status: "New", side: "Bid" },
    { id: "2", status: "Filled", side: "Bid" },
    { id: "3", status: "Cancelled", side: "Ask" },
    { id: "4", status: "TriggerPending", side: "Bid" },
  ];
  const api = { ordersPage: async () => orders } as unknown as PrivateApi;
  const ids = async (side: "Bid" | "Ask" | null): Promise<string[]> =>
    (await ordersAsCsv(api, null, side)).trim().split("\r\n").slice(1).map((line) => line.split(",").at(-2) ?? "");
  expect(await ids(null)).toEqual(["2", "3"]);
  expect(await ids("Bid")).toEqual(["2"]);
});
