/** Deposits and withdrawals of the account, the newest first, and its address for deposits. */
import type { PrivateApi } from "../../api/private";
import { parse } from "../../decimal/decimal";
import { parseUtc } from "../../decimal/time";
import type { Account, Balances } from "./account";
import { Followed } from "./followed";

export interface Transfer {
  key: string;
  kind: "Deposit" | "Withdrawal";
  asset: string;
  amount: bigint;
  status: string;
  /** Where it came from, or went to. */
  other: string;
  timeMs: number;
}

const MOST = 100;

async function transfers(api: PrivateApi): Promise<readonly Transfer[]> {
  const [deposits, withdrawals] = await Promise.all([api.deposits(MOST), api.withdrawals(MOST)]);
  const all: Transfer[] = [
    ...deposits.map(({ id, symbol, quantity, status, source, fromAddress, createdAt }) => ({
      key: `d${id}`,
      kind: "Deposit" as const,
      asset: symbol,
      amount: parse(quantity),
      status,
      other: fromAddress ?? source,
      timeMs: parseUtc(createdAt),
    })),
    ...withdrawals.map(({ id, symbol, quantity, status, toAddress, createdAt }) => ({
      key: `w${id}`,
      kind: "Withdrawal" as const,
      asset: symbol,
      amount: parse(quantity),
      status,
      other: toAddress ?? "",
      timeMs: parseUtc(createdAt),
    })),
  ];
  return all.toSorted((a, b) => b.timeMs - a.timeMs);
}

/** What the account has in all: orders that are placed and cancelled change nothing of it. */
const totals = (balances: Balances): string => [...balances].map(([asset, { available, locked }]) => `${asset} ${available + locked}`).join();

/** Read when somebody looks, and again whenever the account has more or less of something. */
export function transferHistory(api: PrivateApi, account: Account): Followed<readonly Transfer[]> {
  const watch = (changed: () => void): (() => void) => {
    let known = totals(account.balances.get());
    return account.balances.subscribe(() => {
      const now = totals(account.balances.get());
      if (now === known) return;
      known = now;
      changed();
    });
  };
  return new Followed(() => transfers(api), watch);
}
