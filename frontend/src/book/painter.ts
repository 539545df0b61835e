/** Paints the ladder's rows and the spread between them, and keeps which one the keyboard has chosen. */
import type { Side } from "../api/types";
import { ceilTo, floorTo } from "../decimal/decimal";
import { fixed, NONE } from "../decimal/format";
import type { Market } from "../model/markets";
import type { Venue } from "../model/venue";
import type { Rows } from "../ui/rows";
import { ladder, type LadderRow, type LadderView } from "./ladder";

export type Picked = { price: bigint; side: Side };

export const ROW_PX = 20;
const EMPTY: LadderView = { bids: [], asks: [], spread: null, spreadPercent: null };

export class LadderPainter {
  private view: LadderView = EMPTY;
  /** Counted from the spread: 0 is the best ask, -1 the one above it; 1 is the best bid. */
  private chosen: number | null = null;

  constructor(
    private readonly asks: Rows,
    private readonly bids: Rows,
    private readonly spread: HTMLElement,
    private readonly venue: Venue,
    private readonly market: Market,
    private readonly group: bigint,
  ) {}

  fit(heightPx: number): void {
    const count = Math.max(1, Math.floor(heightPx / ROW_PX));
    if (count === this.asks.count) return;
    this.asks.resize(count);
    this.bids.resize(count);
    this.paint();
  }

  readonly paint = (): void => {
    const book = this.venue.book.symbol === this.market.symbol ? this.venue.book.live : null;
    const count = this.asks.count;
    this.view = book ? ladder(book, count, this.group, this.market.tick) : EMPTY;
    const own = this.ownPrices();
    for (let index = 0; index < count; index += 1) {
      // Best prices stand next to the spread: the asks' first row is at the bottom of theirs.
      this.paintRow(this.asks, count - 1 - index, this.view.asks[index], own.asks, this.chosen === -index);
      this.paintRow(this.bids, index, this.view.bids[index], own.bids, this.chosen === index + 1);
    }
    const text = this.spreadText();
    if (this.spread.textContent !== text) this.spread.textContent = text;
  };

  /** Of the best prices that stand beside it: another one, a moment older, would not be their difference. */
  private spreadText(): string {
    const { spread, spreadPercent } = this.view;
    if (spread === null || spreadPercent === null) return `Spread ${NONE}`;
    return `Spread ${fixed(spread, this.market.priceDecimals)} · ${fixed(spreadPercent, 3)}%`;
  }

  private paintRow(rows: Rows, index: number, row: LadderRow | undefined, own: Set<bigint>, isChosen: boolean): void {
    if (!row) return rows.paint(index, null);
    const { priceDecimals, quantityDecimals } = this.market;
    rows.paint(index, {
      cells: [fixed(row.price, priceDecimals), fixed(row.quantity, quantityDecimals), fixed(row.total, quantityDecimals)],
      className: `${own.has(row.price) ? "own" : ""}${isChosen ? " chosen" : ""}`,
      share: row.share,
    });
  }

  private ownPrices(): { asks: Set<bigint>; bids: Set<bigint> } {
    const own = { asks: new Set<bigint>(), bids: new Set<bigint>() };
    for (const order of this.venue.account.orders.get().values()) {
      if (order.symbol !== this.market.symbol || order.price === null || order.status === "TriggerPending") continue;
      if (order.side === "Bid") own.bids.add(floorTo(order.price, this.group));
      else own.asks.add(ceilTo(order.price, this.group));
    }
    return own;
  }

  pickedOf(rowId: string): Picked | null {
    const [name, text] = rowId.split("-");
    const index = Number(text);
    const side = name === "ask" ? "Ask" : "Bid";
    const row = side === "Ask" ? this.view.asks[this.asks.count - 1 - index] : this.view.bids[index];
    return row ? { price: row.price, side } : null;
  }

  /** Moves the chosen row by one, down is +1; returns the id of its element. */
  move(by: 1 | -1): string | null {
    const start = this.chosen ?? (by === 1 ? 0 : 1);
    const next = Math.min(Math.max(start + by, 1 - this.view.asks.length), this.view.bids.length);
    this.chosen = next;
    this.paint();
    const element = next <= 0 ? this.asks.element(this.asks.count - 1 + next) : this.bids.element(next - 1);
    return element?.id ?? null;
  }

  chosenPrice(): Picked | null {
    if (this.chosen === null) return null;
    const side = this.chosen <= 0 ? "Ask" : "Bid";
    const row = side === "Ask" ? this.view.asks[-this.chosen] : this.view.bids[this.chosen - 1];
    return row ? { price: row.price, side } : null;
  }

  leave(): void {
    this.chosen = null;
    this.paint();
  }
}
