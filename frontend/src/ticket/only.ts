/** Which rows of a table are wanted: of one market, of one side, or all. Pure. */
import type { Side } from "../api/types";

export interface Only {
  onlySymbol: string | null;
  onlySide?: Side | null;
}

export function isAmong(row: { symbol: string; side: Side }, symbol: string | null, side: Side | null): boolean {
  return (symbol === null || row.symbol === symbol) && (side === null || row.side === side);
}
