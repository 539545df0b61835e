/** Columns of tables, each with its head and cell declared once; here those that open and ended orders have in common. */
import type { CSSProperties, ReactElement, ReactNode } from "react";
import { exactly, fixed, NONE, trimmed } from "../decimal/format";
import { moment } from "../decimal/time";
import type { Side } from "../api/types";
import type { Market } from "../model/market/markets";
import { averagePrice, percentFilled, shareFilled, worth, type Order } from "../model/trader/orders";
import { Amount } from "../ui/Amount";
import { kindOf, pairOf, sideWord } from "../ticket/words";
import styles from "./orders.module.css";

export interface InMarket {
  symbol: string;
}

/** What the cells of a row need of its market. */
export interface Known {
  market: Market | undefined;
  last: bigint | null;
}

export interface Column<R extends InMarket> {
  name: string;
  /** What the head says where one points. */
  title?: string;
  isNumber?: boolean;
  tone?: (row: R) => string;
  content: (row: R, known: Known) => ReactNode;
}

export const price = (value: bigint | null, { market }: Known): string => (value === null ? NONE : fixed(value, market?.priceDecimals ?? 2));

export const inLots = (value: bigint, { market }: Known): string => trimmed(value, 0, market?.quantityDecimals ?? 8);

export const sideTone = ({ side }: { side: Side }): string => (side === "Bid" ? "up" : "down");

export const COMMON: readonly Column<Order>[] = [
  { name: "Date", content: (order) => moment(order.createdMs) },
  { name: "Market", content: (order) => pairOf(order.symbol) },
  { name: "Side", tone: sideTone, content: (order) => sideWord(order.side) },
  { name: "Type", content: (order, known) => <Kind order={order} known={known} /> },
  { name: "Price", isNumber: true, content: (order, known) => price(order.price, known) },
  { name: "Trigger", isNumber: true, content: (order, known) => price(order.triggerPrice, known) },
  { name: "Average", isNumber: true, content: (order, known) => price(averagePrice(order), known) },
  { name: "Amount", isNumber: true, content: (order, known) => <Wanted order={order} known={known} /> },
  { name: "Filled", isNumber: true, content: (order, known) => <Filled order={order} known={known} /> },
  { name: "Total", isNumber: true, content: (order, known) => <Total order={order} known={known} /> },
];

/** Of an iceberg, with the part that the book shows. */
function Kind({ order, known }: { order: Order; known: Known }): ReactElement {
  return (
    <>
      {kindOf(order, known.last)}
      {order.display !== null && (
        <small title="The book shows so much of it at a time">
          {" "}
          <Amount value={order.display} exact={inLots(order.display, known)} room={7} />
          <span className={styles["word"]}> shown</span>
        </small>
      )}
    </>
  );
}

function Wanted({ order: { quantity, quoteQuantity }, known }: { order: Order; known: Known }): ReactElement {
  if (!quoteQuantity) return <Amount value={quantity} exact={inLots(quantity, known)} />;
  return <Amount value={quoteQuantity} exact={exactly(quoteQuantity)} unit={known.market?.quote ?? ""} />;
}

function Filled({ order, known }: { order: Order; known: Known }): ReactElement {
  const percent = `${percentFilled(order)}%`;
  return (
    <span className={styles["filled"]} style={{ "--filled": `${shareFilled(order) * 100}%` } as CSSProperties} title={percent}>
      <Amount value={order.executed} exact={inLots(order.executed, known)} />
      <small> {percent}</small>
    </span>
  );
}

function Total({ order, known: { market } }: { order: Order; known: Known }): ReactNode {
  const value = worth(order);
  return value === null ? NONE : <Amount value={value} exact={exactly(value)} unit={market?.quote ?? ""} />;
}
