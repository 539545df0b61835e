/** The order form: what to trade, checked in words before it is sent. */
import { useId, type FormEvent, type ReactElement } from "react";
import { exactly, NONE } from "../decimal/format";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useMarketNow } from "../ui/useMarketNow";
import { useVenue } from "../ui/useVenue";
import { Advanced } from "./Advanced";
import { Estimate } from "./Estimate";
import { Fields, TotalField } from "./Fields";
import { Slider } from "./Slider";
import { HandlingChoice, KindSwitch, PlacesSwitch, SideSwitch, SizedBySwitch } from "./Switches";
import { useTicket, type Ticket } from "./useTicket";
import styles from "./form.module.css";

export function OrderForm({ market: chosen }: { market: Market }): ReactElement {
  const market = useMarketNow(chosen);
  const venue = useVenue();
  const session = useStore(venue.session.store);
  const feedState = useStore(venue.feed.state);
  const entry = useStore(venue.orderEntry.state);
  const isFrozen = useStore(venue.session.isFrozen);
  const ticket = useTicket(market);
  const problemId = useId();
  const isBuy = ticket.draft.side === "Bid";
  const canTrade = session.kind === "open" && feedState === "live" && entry.kind !== "closed" && !isFrozen;
  const hints = [
    session.kind === "none" && session.reason,
    session.kind !== "none" && feedState !== "live" && "Waiting for the exchange…",
    market.state !== "Open" && ticket.checked.problems.form,
    isFrozen && "This account is frozen: it can only cancel orders.",
    entry.kind === "closed" && entry.reason,
  ].filter((hint) => typeof hint === "string");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    void ticket.send(canTrade);
  };
  return (
    <section className={`panel ${styles["form"]} ${styles[isBuy ? "buying" : "selling"]}`} aria-label="Order form">
      <form onSubmit={submit} noValidate autoComplete="off">
        <SideSwitch {...ticket} />
        <KindSwitch {...ticket} />
        <PlacesSwitch {...ticket} />
        <Available ticket={ticket} market={market} />
        <Fields ticket={ticket} market={market} problemId={problemId} />
        <Slider {...ticket} />
        <SizedBySwitch ticket={ticket} market={market} />
        <TotalField ticket={ticket} market={market} problemId={problemId} />
        <HandlingChoice {...ticket} />
        <Advanced ticket={ticket} problemId={problemId} />
        <Estimate ticket={ticket} market={market} />
        <div className={styles["foot"]}>
          <p id={problemId} className={`${styles["says"]} ${ticket.wrong === null ? styles["hint"] : "problem"}`} role="alert">
            {ticket.wrong?.[1] ?? ticket.caution}
          </p>
          <button className={styles["submit"]} type="submit" disabled={!canTrade || ticket.isBusy}>
            {ticket.isBusy ? "Sending…" : `${isBuy ? "Buy" : "Sell"} ${market.base}`}
          </button>
        </div>
        {hints.map((hint) => (
          <p key={hint} className={styles["hint"]} role="note">
            {hint}
          </p>
        ))}
      </form>
    </section>
  );
}

function Available({ ticket: { draft, around }, market }: { ticket: Ticket; market: Market }): ReactElement {
  const [value, unit] = draft.side === "Bid" ? [around.availableQuote, market.quote] : [around.availableBase, market.base];
  return (
    <p className={styles["available"]} data-part="available">
      <span>Available</span>
      <b>
        {value === null ? NONE : exactly(value)} {unit}
      </b>
    </p>
  );
}
