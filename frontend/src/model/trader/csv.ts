/** Tables as comma-separated values (RFC 4180), and the account's whole history in that form. */
import type { PrivateApi } from "../../api/private";
import type { Side, WireFill } from "../../api/types";
import { isOpen } from "./orders";
import { everything } from "./pages";

type Cell = string | number | boolean | null | undefined;

/** For machines: times are UTC, which the exchange does not write behind them, and decimals plain. */
const TIMES: ReadonlySet<string> = new Set(["timestamp", "createdAt"]);
const FILLS = ["timestamp", "symbol", "side", "price", "quantity", "fee", "feeSymbol", "isMaker", "tradeId", "orderId"] as const;
const ORDERS = [
  ...(["createdAt", "symbol", "side", "orderType", "timeInForce", "status", "price", "triggerPrice", "quantity"] as const),
  ...(["quoteQuantity", "triggerQuantity", "displayQuantity"] as const),
  ...(["executedQuantity", "executedQuoteQuantity", "id", "clientId"] as const),
] as const;

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

export async function allFills(api: PrivateApi, symbol: string | null): Promise<readonly WireFill[]> {
  return everything((page) => api.fillsPage({ ...page, symbol: symbol ?? undefined }), (fill) => `${fill.symbol} ${fill.tradeId} ${fill.orderId}`);
}

const isOf = (side: Side | null) => (row: { side: Side }): boolean => side === null || row.side === side;

export async function fillsAsCsv(api: PrivateApi, symbol: string | null, side: Side | null): Promise<string> {
  const fills = await allFills(api, symbol);
  return tableOf(FILLS, fills.filter(isOf(side)));
}

/** Those that have ended, as in the table of the order history. */
export async function ordersAsCsv(api: PrivateApi, symbol: string | null, side: Side | null): Promise<string> {
  const orders = await everything((page) => api.ordersPage({ ...page, symbol: symbol ?? undefined }), ({ id }) => id);
  return tableOf(ORDERS, orders.filter(({ status }) => !isOpen(status)).filter(isOf(side)));
}
