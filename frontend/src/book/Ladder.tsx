/** The depth ladder: asks above, spread in the middle, bids below. Painted once per frame from the live replica. */
import { useState, type ReactElement } from "react";
import { toText } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Veil } from "../ui/Veil";
import { rememberChoices, rememberedChoices, SIDES, type Choices, type Sides } from "./choices";
import { GROUPS } from "./ladder";
import { LadderBody } from "./LadderBody";
import styles from "./book.module.css";

const NAMES: Record<Sides, string> = { both: "Both", bids: "Bids", asks: "Asks" };

export function Ladder({ market }: { market: Market }): ReactElement {
  const venue = useVenue();
  const [group, setGroup] = useState(market.tick);
  const [choices, setChoices] = useState(rememberedChoices);
  const state = useStore(venue.book.state);
  const choose = (change: Partial<Choices>): void => {
    rememberChoices({ ...choices, ...change });
    setChoices({ ...choices, ...change });
  };
  const unit = choices.unit === "base" ? market.base : market.quote;
  return (
    <section className={`panel ${styles["book"]}`} aria-label="Order book">
      <div className="panel-head">
        <h2>Book</h2>
        <div className="choices" role="group" aria-label="Sides of the book">
          {SIDES.map((each) => (
            <button key={each} type="button" aria-pressed={each === choices.sides} onClick={() => choose({ sides: each })}>
              {NAMES[each]}
            </button>
          ))}
        </div>
        <label className={styles["group"]}>
          <span className="hidden">Price step of the book</span>
          <select value={toText(group)} onChange={(event) => setGroup(market.tick * (GROUPS[event.target.selectedIndex] ?? 1n))}>
            {GROUPS.map((times) => (
              <option key={String(times)} value={toText(market.tick * times)}>
                {toText(market.tick * times)}
              </option>
            ))}
          </select>
        </label>
      </div>
      <div className={styles["frame"]}>
        <div className="columns">
          <span>Price</span>
          <button type="button" aria-label={`Amount ${unit}, in the other asset`} onClick={() => choose({ unit: choices.unit === "base" ? "quote" : "base" })}>
            Amount {unit}
          </button>
          <span>Total {unit}</span>
        </div>
        <LadderBody key={`${market.symbol} ${group} ${choices.unit} ${choices.sides}`} market={market} group={group} {...choices} />
        <Veil isShown={state !== "live"} text={state === "idle" ? "Book is disconnected" : "Loading the book"} />
      </div>
    </section>
  );
}
