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
  const amounts = (): string[] | undefined => history.value.get()?.map(({ amount }) => toText(amount));
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
