/** The order form: what to trade, checked in words before it is sent. */
import { useId, useState, type FormEvent, type ReactElement } from "react";
import type { Side } from "../api/types";
import { floorTo, multiply } from "../decimal/decimal";
import { NONE, trimmed } from "../decimal/format";
import { toTyped, tryTyped } from "../decimal/typed";
import type { Market } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { DecimalField } from "../ui/DecimalField";
import { useVenue } from "../ui/useVenue";
import { check, type Draft, type Field, type Handling, type Kind, type Problems } from "./checks";
import { Estimate } from "./Estimate";
import { share } from "./sizing";
import "./form.css";

const HANDLINGS: readonly [Handling, string, string][] = [
  ["GTC", "GTC", "Good till cancelled: rests in the book until it is filled"],
  ["PostOnly", "Post-only", "Only ever a maker: refused if it would trade at once"],
  ["IOC", "IOC", "Immediate or cancel: what does not trade at once expires"],
  ["FOK", "FOK", "Fill or kill: completely at once, or not at all"],
];

const PERCENTS = [25n, 50n, 75n, 100n] as const;

const EMPTY: Draft = {
  side: "Bid",
  kind: "limit",
  handling: "GTC",
  price: "",
  quantity: "",
  quoteQuantity: "",
  sizedBy: "base",
};

export function OrderForm({ market }: { market: Market }): ReactElement {
  const venue = useVenue();
  const session = useStore(venue.session.store);
  const balances = useStore(venue.account.balances);
  const isCurrent = useStore(venue.account.isCurrent);
  const touch = useStore(venue.book.touch);
  const picked = useStore(venue.picked);
  const feedState = useStore(venue.feed.state);
  const [draft, setDraft] = useState(EMPTY);
  const [shown, setShown] = useState<ReadonlySet<Field>>(new Set());
  const [isBusy, setBusy] = useState(false);
  const ids = useId();

  const set = (change: Partial<Draft>): void => setDraft((before) => ({ ...before, ...change }));

  const [taken, setTaken] = useState(picked);
  if (picked !== taken) {
    setTaken(picked);
    if (picked) set({ kind: "limit", price: toTyped(picked.price) });
  }

  // An initial price, set once when the book arrives: a price that moved while the user types would be a trap. Nor is it
  // set between clearing the field and typing, when the book arrives late or the first order makes it.
  const start = touch.bid ?? touch.ask;
  const [isStarted, setStarted] = useState(false);
  if (start !== null && !isStarted) {
    setStarted(true);
    if (draft.price === "") set({ price: toTyped(start) });
  }

  const isKnown = isCurrent || balances.size > 0; // of an account that has nothing, there are no balances
  const available = (asset: string): bigint | null => (isKnown ? (balances.get(asset)?.available ?? 0n) : null);
  const around = {
    market,
    bestBid: touch.bid,
    bestAsk: touch.ask,
    availableBase: available(market.base),
    availableQuote: available(market.quote),
  };
  const { problems, order } = check(draft, around);
  const visible: Problems = Object.fromEntries(Object.entries(problems).filter(([field]) => shown.has(field as Field)));
  const isBuy = draft.side === "Bid";
  const isLimit = draft.kind === "limit";
  const canTrade = session.kind === "open" && feedState === "live";

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setShown(new Set<Field>(["price", "quantity", "quoteQuantity", "form"]));
    if (!order || isBusy || !canTrade) return;
    // The amount leaves the form with the order, and comes back if it is refused: what is typed meanwhile is the next one's.
    const { quantity, quoteQuantity } = draft;
    setShown(new Set());
    set({ quantity: "", quoteQuantity: "" });
    setBusy(true);
    const isTaken = await venue.trading.place(order, market);
    setBusy(false);
    if (isTaken) return;
    setDraft((now) => (now.quantity === "" && now.quoteQuantity === "" ? { ...now, quantity, quoteQuantity } : now));
  };

  const takeShare = (percent: bigint): void => {
    const { availableBase: base, availableQuote: quote } = around;
    if (base === null || quote === null) return;
    if (!isLimit && draft.sizedBy === "quote" && isBuy) {
      return set({ quoteQuantity: toTyped(floorTo((quote * percent) / 100n, market.tick)) });
    }
    const price = isLimit ? tryTyped(draft.price) : isBuy ? touch.ask : touch.bid;
    const quantity = share(draft.side, percent, price, market, base, quote);
    set({ quantity: quantity > 0n ? toTyped(quantity) : "", sizedBy: "base" });
  };

  const price = tryTyped(draft.price);
  const quantity = tryTyped(draft.quantity);
  const total = isLimit && price !== null && quantity !== null ? multiply(price, quantity) : null;
  const touched = (field: Field) => () => setShown((before) => new Set([...before, field]));

  return (
    <section className={`panel form ${isBuy ? "buying" : "selling"}`} aria-label="Order form">
      <form onSubmit={(event) => void submit(event)} noValidate autoComplete="off">
        <SideSwitch side={draft.side} change={(side) => set({ side })} />
        <KindSwitch kind={draft.kind} change={(kind) => set({ kind, sizedBy: "base" })} />
        <p className="available">
          <span>Available</span>
          <b>
            {isBuy
              ? `${around.availableQuote === null ? NONE : trimmed(around.availableQuote, 2, 6)} ${market.quote}`
              : `${around.availableBase === null ? NONE : trimmed(around.availableBase, 2, 8)} ${market.base}`}
          </b>
        </p>
        {isLimit && (
          <DecimalField
            label="Price"
            unit={market.quote}
            value={draft.price}
            step={market.tick}
            problem={visible.price}
            change={(text) => {
              setStarted(true);
              set({ price: text });
            }}
            left={touched("price")}
          />
        )}
        {draft.sizedBy === "base" || isLimit ? (
          <DecimalField
            label="Amount"
            unit={market.base}
            value={draft.quantity}
            step={market.step}
            problem={visible.quantity}
            change={(text) => set({ quantity: text })}
            left={() => draft.quantity && touched("quantity")()}
          />
        ) : (
          <DecimalField
            label={isBuy ? "Spend" : "Obtain"}
            unit={market.quote}
            value={draft.quoteQuantity}
            step={market.tick}
            problem={visible.quoteQuantity}
            change={(text) => set({ quoteQuantity: text })}
            left={() => draft.quoteQuantity && touched("quoteQuantity")()}
          />
        )}
        <div className="percents" role="group" aria-label="Share of the balance">
          {PERCENTS.map((percent) => (
            <button key={String(percent)} type="button" onClick={() => takeShare(percent)}>
              {String(percent)}%
            </button>
          ))}
        </div>
        {isLimit ? (
          <fieldset className="handlings">
            <legend className="hidden">Time in force</legend>
            {HANDLINGS.map(([value, label, title]) => (
              <label key={value} title={title}>
                <input
                  type="radio"
                  name={`${ids}handling`}
                  checked={draft.handling === value}
                  onChange={() => set({ handling: value })}
                />
                <span>{label}</span>
              </label>
            ))}
          </fieldset>
        ) : (
          <SizedBy draft={draft} market={market} change={(sizedBy) => set({ sizedBy })} />
        )}
        <Estimate market={market} draft={draft} total={total} />
        {visible.form && <p className="problem">{visible.form}</p>}
        <button className="submit" type="submit" disabled={!canTrade || isBusy}>
          {isBusy ? "Sending…" : `${isBuy ? "Buy" : "Sell"} ${market.base}`}
        </button>
        {session.kind === "none" && <p className="hint">{session.reason}</p>}
        {session.kind !== "none" && feedState !== "live" && <p className="hint">Waiting for the exchange…</p>}
      </form>
    </section>
  );
}

function SideSwitch({ side, change }: { side: Side; change: (side: Side) => void }): ReactElement {
  return (
    <div className="sides" role="group" aria-label="Side">
      <button type="button" className="buy" aria-pressed={side === "Bid"} onClick={() => change("Bid")}>
        Buy
      </button>
      <button type="button" className="sell" aria-pressed={side === "Ask"} onClick={() => change("Ask")}>
        Sell
      </button>
    </div>
  );
}

function KindSwitch({ kind, change }: { kind: Kind; change: (kind: Kind) => void }): ReactElement {
  return (
    <div className="choices kinds" role="group" aria-label="Order type">
      <button type="button" aria-pressed={kind === "limit"} onClick={() => change("limit")}>
        Limit
      </button>
      <button type="button" aria-pressed={kind === "market"} onClick={() => change("market")}>
        Market
      </button>
    </div>
  );
}

function SizedBy({ draft, market, change }: { draft: Draft; market: Market; change: (by: Draft["sizedBy"]) => void }): ReactElement {
  return (
    <div className="choices sized" role="group" aria-label="Size the order by">
      <button type="button" aria-pressed={draft.sizedBy === "base"} onClick={() => change("base")}>
        By {market.base}
      </button>
      <button type="button" aria-pressed={draft.sizedBy === "quote"} onClick={() => change("quote")}>
        By {market.quote}
      </button>
    </div>
  );
}
