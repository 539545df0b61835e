/** What the tape shows: trades, or those of one taker's order as one, that are large enough. Pure. */
import { ratio } from "../decimal/decimal";
import type { Trade } from "../model/market/tape";

export interface Print {
  /** Of its first trade: it stays while trades are added. */
  id: number;
  /** The price that the taker got last, and how many trades it took. */
  price: bigint;
  quantity: bigint;
  timeMs: number;
  isSell: boolean;
  trades: number;
  /** Length of its bar: its quantity as a share of the largest one shown. */
  share: number;
}

export interface TapeChoices {
  isByOrder: boolean;
  least: bigint;
}

/** Newest first, as the trades come. */
export function prints(trades: readonly Trade[], { isByOrder, least }: TapeChoices): Print[] {
  const made: Print[] = [];
  let taker: string | null = null;
  for (const trade of trades) {
    const last = made.at(-1);
    if (isByOrder && last && trade.taker !== null && trade.taker === taker) {
      last.id = trade.id;
      last.quantity += trade.quantity;
      last.trades += 1;
    } else {
      const { id, price, quantity, timeMs, isSell } = trade;
      made.push({ id, price, quantity, timeMs, isSell, trades: 1, share: 0 });
    }
    ({ taker } = trade);
  }
  const shown = made.filter(({ quantity }) => quantity >= least);
  const largest = shown.reduce((most, { quantity }) => (quantity > most ? quantity : most), 0n);
  for (const print of shown) print.share = ratio(print.quantity, largest);
  return shown;
}
