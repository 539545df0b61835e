/** Paints the ladder's rows and what stands between and below them, and keeps which row the keyboard has chosen. */
import type { Side } from "../api/types";
import { ceilTo, floorTo, min } from "../decimal/decimal";
import { about, fixed, NONE, short, trimmed } from "../decimal/format";
import { percentOf } from "../decimal/percent";
import type { Market } from "../model/market/markets";
import { isResting } from "../model/trader/orders";
import type { Venue } from "../model/venue";
import type { Rows } from "../ui/rows";
import type { Unit } from "./choices";
import { cumulative } from "./cumulative";
import styles from "./book.module.css";
import { EMPTY_VIEW, ladder, type LadderRow, type LadderView } from "./ladder";

type Picked = { price: bigint; side: Side };

export const ROW_PX = 20;
const ROOM = 10; // characters of an amount, one of them a point or a comma
const OWN_ROOM = 7; // of one's own size, between price and amount, if there is room: the mark says that there is an order
const OTHERS_ROOM = 23; // of amount and total, with the margins
const CHARACTER_PX = 8;
const LONG_PRICE = 11; // characters: beside two such numbers there is no room for a third

export interface Places {
  asks: Rows;
  bids: Rows;
  spread: HTMLElement;
  /** The line below the book: how the sides compare or, while one points at a row, what lies up to there. */
  foot: HTMLElement;
}

export class LadderPainter {
  private view: LadderView = EMPTY_VIEW;
  /** Counted from the spread: 0 is the best ask, -1 the one above it; 1 is the best bid. */
  private chosen: number | null = null;
  private hovered: string | null = null;
  private priceLength = 0;
  private width = 0;

  constructor(
    private readonly places: Places,
    private readonly venue: Venue,
    private readonly market: Market,
    private readonly group: bigint,
    private readonly unit: Unit,
  ) {}

  fit(size: { asks: number; bids: number; width: number }): void {
    const { asks, bids } = this.places;
    const [ofAsks, ofBids] = [size.asks, size.bids].map((px) => Math.floor(px / ROW_PX)) as [number, number];
    if (ofAsks === asks.count && ofBids === bids.count && size.width === this.width) return;
    this.width = size.width;
    asks.resize(ofAsks);
    bids.resize(ofBids);
    this.paint();
  }

  readonly paint = (): void => {
    const { asks, bids, spread, foot } = this.places;
    const book = this.venue.book.symbol === this.market.symbol ? this.venue.book.live : null;
    this.view = book ? ladder(book, { asks: asks.count, bids: bids.count }, this.group, this.market.tick) : EMPTY_VIEW;
    const own = this.ownSizes();
    this.widen(foot.parentElement);
    for (let index = 0; index < asks.count; index += 1) {
      // Best prices stand next to the spread: the asks' first row is at the bottom of theirs.
      this.paintRow(asks, asks.count - 1 - index, this.view.asks[index], own.Ask, this.chosen === -index);
    }
    for (let index = 0; index < bids.count; index += 1) this.paintRow(bids, index, this.view.bids[index], own.Bid, this.chosen === index + 1);
    write(spread, this.spreadText());
    write(foot, this.footText(own));
  };

  /** As wide as the longest price: a market of ten decimals needs another column than one of two. */
  private widen(frame: HTMLElement | null): void {
    const length = Math.max(0, ...[this.view.asks.at(-1), this.view.bids[0]].map((row) => (row ? fixed(row.price, this.market.priceDecimals).length : 0)));
    if (length === this.priceLength) return;
    this.priceLength = length;
    frame?.style.setProperty("--price-ch", String(length));
  }

  /** Of the best prices that stand beside it: another one, a moment older, would not be their difference. */
  private spreadText(): string {
    const { spread, spreadPercent } = this.view;
    if (spread === null || spreadPercent === null) return `Spread ${NONE}`;
    const percent = this.priceLength < LONG_PRICE ? ` · ${about(spreadPercent, 3)}%` : "";
    return `Spread ${fixed(spread, this.market.priceDecimals)}${percent}`;
  }

  private footText(own: Record<Side, Map<bigint, bigint>>): string {
    const picked = this.hovered === null ? null : this.find(this.hovered);
    if (picked) return cumulative(picked.row, this.market, own[picked.side].get(picked.row.price) ?? 0n);
    const { bids, asks, imbalance } = this.view;
    this.places.foot.style.setProperty("--bids", String(imbalance ?? 0.5));
    if (imbalance === null) return "";
    const [ofBids, ofAsks] = [bids, asks].map((side) => side.at(-1)?.total ?? 0n) as [bigint, bigint];
    return `Bids ${percentOf(ofBids, ofBids + ofAsks, 0)} % · Asks ${percentOf(ofAsks, ofBids + ofAsks, 0)} %`;
  }

  private paintRow(rows: Rows, index: number, row: LadderRow | undefined, own: Map<bigint, bigint>, isChosen: boolean): void {
    if (!row) return rows.paint(index, null);
    const mine = own.get(row.price);
    const marks = [mine === undefined ? "" : "own", isChosen ? "chosen" : ""].filter(Boolean);
    rows.paint(index, {
      cells: [
        fixed(row.price, this.market.priceDecimals),
        this.amount(row.quantity, row.quote),
        this.amount(row.total, row.totalQuote),
        mine === undefined || !this.hasRoomForOwn ? "" : short(mine, trimmed(mine, 0, this.market.quantityDecimals), OWN_ROOM),
      ],
      className: marks.map((mark) => styles[mark]).join(" "),
      is: marks.join(" "),
      share: row.share,
    });
  }

  private get hasRoomForOwn(): boolean {
    return this.width >= (this.priceLength + OWN_ROOM + OTHERS_ROOM) * CHARACTER_PX;
  }

  private amount(base: bigint, quote: bigint): string {
    return this.unit === "base" ? short(base, fixed(base, this.market.quantityDecimals), ROOM) : short(quote, fixed(quote, 2), ROOM);
  }

  /** What the book shows of one's own orders, by the price of the row that they stand in. */
  private ownSizes(): Record<Side, Map<bigint, bigint>> {
    const own = { Bid: new Map<bigint, bigint>(), Ask: new Map<bigint, bigint>() };
    const places = this.venue.queues.places.get();
    for (const order of this.venue.account.orders.get().values()) {
      if (order.symbol !== this.market.symbol || order.price === null || !isResting(order)) continue;
      const price = order.side === "Bid" ? floorTo(order.price, this.group) : ceilTo(order.price, this.group);
      const sizes = own[order.side];
      const left = order.quantity - order.executed;
      const shown = places.get(order.id)?.shown ?? min(left, order.display ?? left);
      sizes.set(price, (sizes.get(price) ?? 0n) + shown);
    }
    return own;
  }

  private find(rowId: string): { row: LadderRow; side: Side } | null {
    const [name, text] = rowId.split("-");
    const index = Number(text);
    const side = name === "ask" ? "Ask" : "Bid";
    const row = side === "Ask" ? this.view.asks[this.places.asks.count - 1 - index] : this.view.bids[index];
    return row ? { row, side } : null;
  }

  pickedOf(rowId: string): Picked | null {
    const found = this.find(rowId);
    return found && { price: found.row.price, side: found.side };
  }

  hover(rowId: string | null): void {
    this.hovered = rowId;
    this.paint();
  }

  /** Moves the chosen row by one, down is +1; returns the id of its element. */
  move(by: 1 | -1): string | null {
    const start = this.chosen ?? (by === 1 ? 0 : 1);
    const next = Math.min(Math.max(start + by, 1 - this.view.asks.length), this.view.bids.length);
    this.chosen = next;
    const { asks, bids } = this.places;
    const id = (next <= 0 ? asks.element(asks.count - 1 + next) : bids.element(next - 1))?.id ?? null;
    this.hover(id);
    return id;
  }

  chosenPrice(): Picked | null {
    return this.chosen === null || this.hovered === null ? null : this.pickedOf(this.hovered);
  }

  leave(): void {
    this.chosen = null;
    this.hover(null);
  }
}

function write(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
