/** Deposits and withdrawals of the account, the newest first, and its address for deposits. */
import type { PrivateApi } from "../../api/private";
import type { WireDeposit, WireWithdrawal } from "../../api/types";
import { parse } from "../../decimal/decimal";
import { parseUtc } from "../../decimal/time";
import type { Account, Balances } from "./account";
import { Followed } from "./followed";
import { newest, type Newest } from "./pages";

interface Transfer {
  key: string;
  kind: "Deposit" | "Withdrawal";
  asset: string;
  amount: bigint;
  status: string;
  /** Where it came from, or went to. */
  other: string;
  timeMs: number;
}

function ofDeposit({ id, symbol, quantity, status, source, fromAddress, createdAt }: WireDeposit): Transfer {
  return { key: `d${id}`, kind: "Deposit", asset: symbol, amount: parse(quantity), status, other: fromAddress ?? source, timeMs: parseUtc(createdAt) };
}

function ofWithdrawal({ id, symbol, quantity, status, toAddress, createdAt }: WireWithdrawal): Transfer {
  return { key: `w${id}`, kind: "Withdrawal", asset: symbol, amount: parse(quantity), status, other: toAddress ?? "", timeMs: parseUtc(createdAt) };
}

async function transfers(api: PrivateApi, wanted: number): Promise<Newest<Transfer>> {
  const [deposits, withdrawals] = await Promise.all([
    newest((page) => api.deposits(page), ({ id }) => String(id), wanted),
    newest((page) => api.withdrawals(page), ({ id }) => String(id), wanted),
  ]);
  const lists: Newest<Transfer>[] = [
    { rows: deposits.rows.map(ofDeposit), isAll: deposits.isAll },
    { rows: withdrawals.rows.map(ofWithdrawal), isAll: withdrawals.isAll },
  ];
  // No further back than both were read: between what one of them has, there may be some of the other.
  const since = Math.max(...lists.map(({ rows, isAll }) => (isAll ? 0 : (rows.at(-1)?.timeMs ?? 0))));
  const rows = lists.flatMap((list) => list.rows).filter(({ timeMs }) => timeMs >= since);
  return { rows: rows.toSorted((a, b) => b.timeMs - a.timeMs), isAll: lists.every(({ isAll }) => isAll) };
}

/** What the account has in all: orders that are placed and cancelled change nothing of it. */
const totals = (balances: Balances): string => [...balances].map(([asset, { available, locked }]) => `${asset} ${available + locked}`).join();

/** Read when somebody looks, and again whenever the account has more or less of something. */
export function transferHistory(api: PrivateApi, account: Account): Followed<Transfer> {
  const watch = (changed: () => void): (() => void) => {
    let known = totals(account.balances.get());
    return account.balances.subscribe(() => {
      const now = totals(account.balances.get());
      if (now === known) return;
      known = now;
      changed();
    });
  };
  return new Followed((wanted) => transfers(api, wanted), watch);
}
