import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ApiError } from "../../api/http";
import type { PrivateApi } from "../../api/private";
import type { WireFill } from "../../api/types";
import { realTime } from "../../realTime";
import { Account } from "./account";

const fill = (tradeId: number): WireFill => ({
  tradeId,
  orderId: "1",
  symbol: "SOL_USDC",
  side: "Bid",
  price: "100",
  quantity: "1",
  fee: "0",
  feeSymbol: "SOL",
  isMaker: false,
  timestamp: new Date(Date.UTC(2026, 2, 4) + tradeId * 1_000).toISOString().slice(0, 23),
});

/** Of the exchange, newest first. */
let made: WireFill[];
const api = {
  balances: async () => ({}),
  openOrders: async () => [],
  account: async () => ({ spotMakerFee: 2, spotTakerFee: 5 }),
  fillsPage: async ({ limit, offset }: { limit: number; offset: number }) => made.slice(offset, offset + limit),
} as unknown as PrivateApi;
const upTo = (last: number): WireFill[] => Array.from({ length: last }, (_, at) => fill(last - at));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => realTime());

it("knows the newest fills, and goes back by a page whenever somebody wants", async () => {
  made = upTo(230);
  const account = new Account(api, () => {});
  await account.refresh();
  await vi.advanceTimersByTimeAsync(1);
  const known = (): unknown => [account.fills.get().length, account.fills.get().at(-1)?.tradeId, account.fillsAreAll.get()];
  expect(known()).toEqual([100, 131, false]);
  await account.olderFills();
  await account.olderFills();
  expect(known()).toEqual([230, 1, true]);
  made = upTo(240);
  await account.refresh();
  await vi.advanceTimersByTimeAsync(1);
  expect(known()).toEqual([240, 1, true]);
});

it("has no hole after a long absence: what was missed comes when it is wanted", async () => {
  made = upTo(50);
  const account = new Account(api, () => {});
  await account.refresh();
  await vi.advanceTimersByTimeAsync(1);
  expect([account.fills.get().length, account.fillsAreAll.get()]).toEqual([50, true]);
  made = upTo(400);
  await account.refresh();
  await vi.advanceTimersByTimeAsync(1);
  expect([account.fills.get().length, account.fills.get().at(-1)?.tradeId, account.fillsAreAll.get()]).toEqual([100, 301, false]);
  await account.olderFills();
  expect(account.fills.get().at(-1)?.tradeId).toBe(201);
});

it.each<[string, () => Promise<WireFill[]>]>([
  ["fills", async () => upTo(3)],
  ["a refusal", async () => Promise.reject(new ApiError(503, "MAINTENANCE", "no database"))],
])("shows nothing of an account that the session has left: %s", async (_, late) => {
  let answer = (): void => {};
  const asked = new Promise<void>((resolve) => void (answer = resolve));
  const account = new Account({ ...api, fillsPage: async () => asked.then(late) } as unknown as PrivateApi, () => {});
  await account.refresh();
  account.clear();
  answer();
  await vi.advanceTimersByTimeAsync(1);
  expect([account.fills.get(), account.fillsProblem.get()]).toEqual([[], null]);
});
