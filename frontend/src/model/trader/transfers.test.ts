import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { PrivateApi } from "../../api/private";
import type { WireDeposit } from "../../api/types";
import { parse, toText } from "../../decimal/decimal";
import { realTime } from "../../realTime";
import { Store } from "../../reactive/store";
import type { Account, Balances } from "./account";
import { transferHistory } from "./transfers";

const deposit = (id: number, quantity: string): WireDeposit => ({
  id,
  symbol: "USDC",
  quantity,
  status: "confirmed",
  source: "administrator",
  fromAddress: null,
  createdAt: `2026-03-04T05:06:0${id}.000`,
});
const held = (available: string, locked: string): Balances => new Map([["USDC", { available: parse(available), locked: parse(locked) }]]);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => realTime());

it("asks again when the account has more than before, not when orders hold some of it", async () => {
  let [made, asked] = [[deposit(1, "100")], 0];
  const balances = new Store(held("100", "0"));
  const api = { deposits: async () => ((asked += 1), made), withdrawals: async () => [] } as unknown as PrivateApi;
  const history = transferHistory(api, { balances } as unknown as Account);
  const amounts = (): string[] | undefined => history.value.get()?.rows.map(({ amount }) => toText(amount));
  const stop = history.follow();
  await vi.advanceTimersByTimeAsync(1);
  expect(amounts()).toEqual(["100"]);
  balances.set(held("60", "40"));
  await vi.advanceTimersByTimeAsync(20);
  expect(asked).toBe(1);
  made = [deposit(1, "100"), deposit(2, "7")];
  balances.set(held("67", "40"));
  await vi.advanceTimersByTimeAsync(20);
  expect(amounts()).toEqual(["7", "100"]);
  stop();
});

it("goes no further back than both lists were read", async () => {
  const at = (index: number): string => new Date(Date.UTC(2026, 2, 4) - index * 1_000).toISOString().slice(0, 23);
  const deposits = Array.from({ length: 150 }, (_, index) => ({ ...deposit(1, "1"), id: index, createdAt: at(index) }));
  const withdrawal = { id: 7, symbol: "USDC", quantity: "2", status: "confirmed", toAddress: null, createdAt: at(120) };
  const page = <T>(all: T[]) => async ({ limit, offset }: { limit: number; offset: number }) => all.slice(offset, offset + limit);
  const api = { deposits: page(deposits), withdrawals: page([withdrawal]) } as unknown as PrivateApi;
  const history = transferHistory(api, { balances: new Store(held("1", "0")) } as unknown as Account);
  const stop = history.follow();
  const kinds = (): unknown[] => [history.value.get()?.rows.length, history.value.get()?.rows.findIndex(({ kind }) => kind === "Withdrawal"), history.value.get()?.isAll];
  await vi.advanceTimersByTimeAsync(1);
  expect(kinds()).toEqual([100, -1, false]);
  await history.older();
  expect(kinds()).toEqual([151, 121, true]);
  stop();
});
