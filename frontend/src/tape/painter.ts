/** Paints the tape's rows: what stays is moved down, only what is new is written. */
import { fixed, short } from "../decimal/format";
import { clock } from "../decimal/time";
import type { Market } from "../model/market/markets";
import type { Trade } from "../model/market/tape";
import type { Rows } from "../ui/rows";
import styles from "./tape.module.css";
import { prints, type TapeChoices } from "./prints";

const ROOM = 10; // characters of an amount, one of them a point or a comma

export class TapePainter {
  private newest = -1;

  constructor(
    private readonly rows: Rows,
    private readonly frame: HTMLElement,
    private readonly market: Market,
    private readonly choices: TapeChoices,
  ) {}

  paint(trades: readonly Trade[]): void {
    const { rows, market } = this;
    const shown = prints(trades, this.choices);
    const added = shown.findIndex(({ id }) => id <= this.newest);
    if (added > 0) rows.rotate(added);
    this.newest = shown[0]?.id ?? -1;
    for (let index = 0; index < rows.count; index += 1) {
      const print = shown[index];
      const cells = print && [
        fixed(print.price, market.priceDecimals),
        short(print.quantity, fixed(print.quantity, market.quantityDecimals), ROOM),
        clock(print.timeMs),
        print.isSell ? "Sell" : "Buy",
      ];
      rows.paint(index, print && cells ? { cells, className: styles[print.isSell ? "sell" : "buy"] ?? "", share: print.share } : null);
    }
    if (shown[0]) this.frame.style.setProperty("--price-ch", String(fixed(shown[0].price, market.priceDecimals).length + 2));
  }
}
