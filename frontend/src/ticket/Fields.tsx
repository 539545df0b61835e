/** The fields of the order form: which there are follows from the kind of order. */
import type { ReactElement } from "react";
import { ceilTo, floorTo } from "../decimal/decimal";
import { toTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";
import { DecimalField } from "../ui/DecimalField";
import type { Field } from "./checks";
import { hasTrigger, isByQuote, isLimit } from "./draft";
import { totalOf, type Ticket } from "./useTicket";
import styles from "./form.module.css";

type TextField = "price" | "trigger" | "quantity" | "quoteQuantity" | "display";

export function Fields({ ticket, market, problemId }: { ticket: Ticket; market: Market; problemId: string }): ReactElement {
  const { draft, set, left, wrong } = ticket;
  const field = (name: TextField & Field, label: string, unit: string, step: bigint, isAlways = false): ReactElement => (
    <DecimalField
      label={label}
      unit={unit}
      value={draft[name]}
      step={step}
      problem={wrong?.[0] === name ? problemId : undefined}
      change={(text) => set({ [name]: text })}
      left={() => (isAlways || draft[name]) && left(name)}
    />
  );
  const { base, quote, tick, step } = market;
  return (
    <>
      {hasTrigger(draft) && field("trigger", "Trigger", quote, tick)}
      {isLimit(draft) && field("price", "Price", quote, tick, true)}
      {isLimit(draft) && <Chips ticket={ticket} market={market} />}
      {isByQuote(draft)
        ? field("quoteQuantity", draft.side === "Bid" ? "Spend" : "Obtain", quote, tick)
        : field("quantity", "Amount", base, step)}
      {draft.kind === "iceberg" && field("display", "Shown", base, step)}
    </>
  );
}

/** Prices of the book, for the price field. The middle is rounded away from the other side. */
function Chips({ ticket: { draft, around, set }, market }: { ticket: Ticket; market: Market }): ReactElement {
  const { bestBid: bid, bestAsk: ask } = around;
  const middle = bid === null || ask === null ? null : (bid + ask) / 2n;
  const rounded = middle === null ? null : draft.side === "Bid" ? floorTo(middle, market.tick) : ceilTo(middle, market.tick);
  const chips: [string, bigint | null][] = [["Bid", bid], ["Mid", rounded], ["Ask", ask]];
  return (
    <div className={styles["chips"]} role="group" aria-label="Take from the book">
      {chips.map(([name, price]) => (
        <button key={name} type="button" disabled={price === null} onClick={() => price !== null && set({ price: toTyped(price) })}>
          {name}
        </button>
      ))}
    </div>
  );
}

/** Worked out from price and amount; when it is typed, the amount is worked out from it. */
export function TotalField({ ticket, market, problemId }: { ticket: Ticket; market: Market; problemId: string }): ReactElement | null {
  const { draft, checked, wrong, setTotal, left } = ticket;
  if (!isLimit(draft)) return null;
  const total = totalOf(checked.values);
  return (
    <DecimalField
      label="Total"
      unit={market.quote}
      value={draft.total !== "" || total === null ? draft.total : toTyped(total)}
      step={market.tick}
      problem={wrong?.[0] === "total" ? problemId : undefined}
      change={setTotal}
      left={() => draft.total !== "" && left("total")}
    />
  );
}
