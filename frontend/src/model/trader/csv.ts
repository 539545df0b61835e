/** Tables as comma-separated values (RFC 4180), and the account's whole history in that form. */
import type { HistoryPage, PrivateApi } from "../../api/private";
import type { Side, WireFill, WireHistoryOrder } from "../../api/types";
import { isOpen } from "./orders";

export type Cell = string | number | boolean | null | undefined;

/** For machines: times are UTC, which the exchange does not write behind them, and decimals plain. */
const TIMES: ReadonlySet<string> = new Set(["timestamp", "createdAt"]);
const FILLS = ["timestamp", "symbol", "side", "price", "quantity", "fee", "feeSymbol", "isMaker", "tradeId", "orderId"] as const;
const ORDERS = [
  ...(["createdAt", "symbol", "side", "orderType", "timeInForce", "status", "price", "triggerPrice", "quantity"] as const),
  ...(["quoteQuantity", "triggerQuantity", "displayQuantity"] as const),
  ...(["executedQuantity", "executedQuoteQuantity", "id", "clientId"] as const),
] as const;

const PAGE = 1_000;

function cellOf(value: Cell): string {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [head, ...rows].map((row) => `${row.map(cellOf).join(",")}\r\n`).join("");
}

/** The rows with these columns; their names are the head. */
export function tableOf<Name extends string>(names: readonly Name[], rows: readonly Partial<Record<Name, Cell>>[]): string {
  return csvOf(names, rows.map((row) => names.map((name) => (TIMES.has(name) && row[name] ? `${row[name]}Z` : row[name]))));
}

/** Every page until one is not full. What ends meanwhile moves the others on: each row is kept once. */
export async function everything<T>(read: (page: HistoryPage) => Promise<T[]>, keyOf: (row: T) => string, symbol: string | null): Promise<T[]> {
  const rows = new Map<string, T>();
  for (let offset = 0; ; offset += PAGE) {
    const page = await read({ symbol: symbol ?? undefined, limit: PAGE, offset });
    for (const row of page) rows.set(keyOf(row), row);
    if (page.length < PAGE) return [...rows.values()];
  }
}

export async function allFills(api: PrivateApi, symbol: string | null): Promise<WireFill[]> {
  return everything<WireFill>((page) => api.fillsPage(page), (fill) => `${fill.symbol} ${fill.tradeId} ${fill.orderId}`, symbol);
}

const isOf = (side: Side | null) => (row: { side: Side }): boolean => side === null || row.side === side;

export async function fillsAsCsv(api: PrivateApi, symbol: string | null, side: Side | null): Promise<string> {
  const fills = await allFills(api, symbol);
  return tableOf(FILLS, fills.filter(isOf(side)));
}

/** Those that have ended, as in the table of the order history. */
export async function ordersAsCsv(api: PrivateApi, symbol: string | null, side: Side | null): Promise<string> {
  const orders = await everything<WireHistoryOrder>((page) => api.ordersPage(page), ({ id }) => id, symbol);
  return tableOf(ORDERS, orders.filter(({ status }) => !isOpen(status)).filter(isOf(side)));
}
