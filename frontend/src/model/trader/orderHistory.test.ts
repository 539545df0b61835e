import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../api/http";
import type { PrivateApi } from "../../api/private";
import type { WireHistoryOrder } from "../../api/types";
import { Store } from "../../reactive/store";
import { realTime } from "../../realTime";
import type { Account } from "./account";
import type { Followed } from "./followed";
import { orderHistory, type EndedOrder } from "./orderHistory";
import type { Orders } from "./orders";

const wire = (id: string, status: WireHistoryOrder["status"]): WireHistoryOrder => ({
  id,
  clientId: null,
  symbol: "SOL_USDC",
  side: "Bid",
  orderType: "Limit",
  status,
  timeInForce: "GTC",
  quantity: "1",
  executedQuantity: "0",
  executedQuoteQuantity: "0",
  price: "100",
  createdAt: "2026-03-04T05:06:07.123",
});

let answers: (() => Promise<WireHistoryOrder[]>)[] = [];
const orders = new Store<Orders>(new Map());
const made = (): Followed<EndedOrder> =>
  orderHistory({ ordersPage: () => answers.shift()?.() } as unknown as PrivateApi, { orders } as unknown as Account);
const ids = (history: Followed<EndedOrder>): string[] | undefined => history.value.get()?.rows.map(({ id }) => id);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => realTime());

it("reads what has ended when somebody looks, and again when an order ends", async () => {
  answers = [async () => [wire("2", "New"), wire("1", "Filled")], async () => [wire("2", "Cancelled"), wire("1", "Filled")]];
  const history = made();
  expect(ids(history)).toBeUndefined();
  const stop = history.follow();
  await vi.advanceTimersByTimeAsync(1);
  expect(ids(history)).toEqual(["1"]);
  orders.set(new Map());
  await vi.advanceTimersByTimeAsync(20);
  expect(ids(history)).toEqual(["2", "1"]);
  stop();
  orders.set(new Map());
  await vi.advanceTimersByTimeAsync(20);
  expect(answers).toEqual([]);
});

it("says why it cannot be read, and asks again", async () => {
  answers = [() => Promise.reject(new ApiError(503, "MAINTENANCE", "The history is not available now")), async () => [wire("1", "Filled")]];
  const history = made();
  const stop = history.follow();
  await vi.advanceTimersByTimeAsync(1);
  expect(history.problem.get()).toBe("The history is not available now");
  await vi.advanceTimersByTimeAsync(2_000);
  expect([ids(history), history.problem.get()]).toEqual([["1"], null]);
  stop();
});

it("shows nothing of an account that has gone, not even what arrives late", async () => {
  let arrive: (rows: WireHistoryOrder[]) => void = () => {};
  answers = [() => new Promise((resolve) => (arrive = resolve))];
  const history = made();
  const stop = history.follow();
  history.clear();
  arrive([wire("1", "Filled")]);
  await vi.advanceTimersByTimeAsync(1);
  expect(ids(history)).toBeUndefined();
  stop();
});

it("goes back by a page whenever somebody wants, and stays as far back when an order ends", async () => {
  const all = Array.from({ length: 250 }, (_, at) => wire(String(250 - at), "Filled"));
  const api = { ordersPage: async ({ limit, offset }: { limit: number; offset: number }) => all.slice(offset, offset + limit) };
  const history = orderHistory(api as unknown as PrivateApi, { orders } as unknown as Account);
  const stop = history.follow();
  const read = (): unknown => [history.value.get()?.rows.length, history.value.get()?.isAll];
  await vi.advanceTimersByTimeAsync(1);
  expect(read()).toEqual([100, false]);
  await history.older();
  expect(read()).toEqual([200, false]);
  orders.set(new Map());
  await vi.advanceTimersByTimeAsync(20);
  expect(read()).toEqual([200, false]);
  await history.older();
  expect(read()).toEqual([250, true]);
  history.clear();
  orders.set(new Map());
  await vi.advanceTimersByTimeAsync(20);
  expect(read()).toEqual([100, false]); // another account's
  stop();
});
