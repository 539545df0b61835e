/** What balances are worth at the last prices. Pure. */
import { multiply } from "../../decimal/decimal";
import type { Balances } from "./account";
import type { Market } from "../market/markets";
import type { Tickers } from "../market/tickers";

/** The quote asset that most markets share: what everything is counted in. */
export function commonQuote(markets: readonly Market[]): string | null {
  const counts = new Map<string, number>();
  for (const { quote } of markets) counts.set(quote, (counts.get(quote) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
}

/** In `quote`; null where no market has priced the asset in it. */
export function worth(asset: string, amount: bigint, quote: string | null, tickers: Tickers): bigint | null {
  if (asset === quote || amount === 0n) return amount;
  const last = tickers.get(`${asset}_${quote}`)?.last;
  return last === undefined ? null : multiply(amount, last);
}

/** What stands where a worth would, of an asset that no market has priced. */
export const WITHOUT_PRICE = "without a price";

export interface Holding {
  asset: string;
  total: bigint;
  worth: bigint | null;
  /** Of everything that has a price, in hundredths of a percent. */
  share: bigint | null;
}

export interface Holdings {
  /** Of all that has a price. */
  equity: bigint;
  /** The most valuable first, equal ones by their names; what has no price last. */
  rows: readonly Holding[];
  /** The assets that equity leaves out. */
  unpriced: readonly string[];
}

function byWorth(a: Omit<Holding, "share">, b: Omit<Holding, "share">): number {
  const [x, y] = [a.worth ?? -1n, b.worth ?? -1n];
  if (x === y) return a.asset.localeCompare(b.asset);
  return x < y ? 1 : -1;
}

export function holdings(balances: Balances, quote: string | null, tickers: Tickers): Holdings {
  const held = [...balances].flatMap(([asset, { available, locked }]) => {
    const total = available + locked;
    return total === 0n ? [] : [{ asset, total, worth: worth(asset, total, quote, tickers) }];
  });
  const equity = held.reduce((sum, each) => sum + (each.worth ?? 0n), 0n);
  const shareOf = (part: bigint | null): bigint | null => (part === null || equity === 0n ? null : (part * 10_000n) / equity);
  const rows = held.toSorted(byWorth).map(({ asset, total, worth: value }) => ({ asset, total, worth: value, share: shareOf(value) }));
  return { equity, rows, unpriced: rows.filter((row) => row.worth === null).map(({ asset }) => asset) };
}

/** Where each share begins in a bar of them all: geometry. */
export function startsOf(rows: readonly Holding[]): number[] {
  const starts: number[] = [];
  let end = 0;
  for (const { share } of rows) {
    starts.push(end);
    end += Number(share ?? 0n);
  }
  return starts;
}

/** "BTC", "BTC and XRP", "BTC, DOGE and XRP". */
export function listed(assets: readonly string[]): string {
  return [assets.slice(0, -1).join(", "), ...assets.slice(-1)].filter(Boolean).join(" and ");
}
