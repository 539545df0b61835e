/** The choices of the order form that are one of a few: side, kind, what a trigger places, what the size counts. */
import { useId, type ReactElement } from "react";
import type { Market } from "../model/market/markets";
import { handlingsOf, hasTrigger, isByQuote, isLimit, withKind, withSide, type Handling, type Kind } from "./draft";
import type { Ticket } from "./useTicket";
import styles from "./form.module.css";

const KINDS: readonly [Kind, string][] = [
  ["limit", "Limit"],
  ["market", "Market"],
  ["stop", "Stop"],
  ["takeProfit", "Take-profit"],
  ["iceberg", "Iceberg"],
];

const HANDLINGS: Record<Handling, [label: string, title: string]> = {
  GTC: ["GTC", "Good till cancelled: rests in the book until it is filled"],
  PostOnly: ["Post-only", "Only ever a maker: refused if it would trade at once"],
  IOC: ["IOC", "Immediate or cancel: what does not trade at once expires"],
  FOK: ["FOK", "Fill or kill: completely at once, or not at all"],
};

interface Choice<T> {
  label: string;
  className: string | undefined;
  choices: readonly (readonly [value: T, text: string, className?: string | undefined])[];
  value: T;
  choose: (value: T) => void;
}

function Choices<T extends string>({ label, className, choices, value, choose }: Choice<T>): ReactElement {
  return (
    <div className={className} role="group" aria-label={label}>
      {choices.map(([each, text, name]) => (
        <button key={each} type="button" className={name} aria-pressed={each === value} onClick={() => choose(each)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function SideSwitch({ draft, become }: Ticket): ReactElement {
  const sides = [["Bid", "Buy", styles["buy"]], ["Ask", "Sell", styles["sell"]]] as const;
  return <Choices label="Side" className={styles["sides"]} choices={sides} value={draft.side} choose={(side) => become((before) => withSide(before, side))} />;
}

export function KindSwitch({ draft, become }: Ticket): ReactElement {
  return <Choices label="Order type" className={`choices ${styles["kinds"]}`} choices={KINDS} value={draft.kind} choose={(kind) => become((before) => withKind(before, kind))} />;
}

export function PlacesSwitch({ draft, set }: Ticket): ReactElement | null {
  if (!hasTrigger(draft)) return null;
  const places = [["limit", "at a limit"], ["market", "at the market"]] as const;
  return (
    <Choices label="What it places" className={`choices ${styles["places"]}`} choices={places} value={draft.places} choose={(value) => set({ places: value, sizedBy: "base" })} />
  );
}

export function SizedBySwitch({ ticket: { draft, set }, market }: { ticket: Ticket; market: Market }): ReactElement | null {
  if (isLimit(draft)) return null;
  const choices = [["base", `By ${market.base}`], ["quote", `By ${market.quote}`]] as const;
  return (
    <Choices label="Size the order by" className={`choices ${styles["sized"]}`} choices={choices} value={isByQuote(draft) ? "quote" : "base"} choose={(sizedBy) => set({ sizedBy })} />
  );
}

export function HandlingChoice({ draft, set }: Ticket): ReactElement | null {
  const name = useId();
  if (!isLimit(draft)) return null;
  return (
    <fieldset className={styles["handlings"]}>
      <legend className="hidden">Time in force</legend>
      {handlingsOf(draft.kind).map((each) => (
        <label key={each} title={HANDLINGS[each][1]}>
          <input type="radio" name={name} checked={draft.handling === each} onChange={() => set({ handling: each })} />
          <span>{HANDLINGS[each][0]}</span>
        </label>
      ))}
    </fieldset>
  );
}
