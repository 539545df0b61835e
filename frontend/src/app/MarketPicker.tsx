/** Choosing a market from anywhere: type a symbol or a name, arrows and Enter. Opened by / or Ctrl-K. */
import { useEffect, useId, useState, type KeyboardEvent, type ReactElement } from "react";
import { useLocation } from "wouter";
import { change, fixed, NONE, trend } from "../decimal/format";
import { hotkeys } from "../model/hotkeys";
import { pair, type Market } from "../model/market/markets";
import { nameOf, search } from "../model/market/search";
import { useStore } from "../reactive/useStore";
import { Dialog, firstFocused } from "../ui/Dialog";
import { useVenue } from "../ui/useVenue";
import { tradePath } from "./routes";
import styles from "./MarketPicker.module.css";

const isTypedInto = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && target.closest("input, select, textarea, [contenteditable], dialog") !== null;

/** The keys that open it: Ctrl-K (or Cmd-K) always, / where no text is typed; never above another dialog. */
export function useMarketKeys(open: () => void): void {
  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent): void => {
      const isChord = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
      if (!isChord && (event.key !== "/" || !hotkeys.get() || isTypedInto(event.target))) return;
      if (document.querySelector("dialog[open]") !== null) return;
      event.preventDefault();
      open();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, [open]);
}

export function MarketPicker({ close }: { close: () => void }): ReactElement {
  const venue = useVenue();
  const [, go] = useLocation();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const found = search(useStore(venue.markets), useStore(venue.names), text);
  const marked = Math.min(at, found.length - 1);
  const choose = (market: Market): void => {
    close();
    go(tradePath(market.symbol));
  };
  const steer = (event: KeyboardEvent): void => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && found.length > 0) {
      event.preventDefault();
      setAt((marked + by + found.length) % found.length);
    }
    const market = found[marked];
    if (event.key === "Enter" && market) choose(market);
  };
  return (
    <Dialog title="Choose a market" close={close}>
      <input
        ref={firstFocused}
        role="combobox"
        className={`text-input ${styles["search"]}`}
        placeholder="Symbol or name"
        aria-label="Symbol or name"
        aria-expanded="true"
        aria-controls={`${id}list`}
        aria-activedescendant={found[marked] && `${id}${found[marked].symbol}`}
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={steer}
      />
      <div id={`${id}list`} role="listbox" aria-label="Markets" className={styles["list"]}>
        {found.map((market, index) => (
          <Choice key={market.symbol} id={`${id}${market.symbol}`} market={market} isMarked={index === marked} choose={choose} />
        ))}
      </div>
      {found.length === 0 && <p role="status">No market of that symbol or name</p>}
    </Dialog>
  );
}

interface ChoiceProps {
  id: string;
  market: Market;
  isMarked: boolean;
  choose: (market: Market) => void;
}

function Choice({ id, market, isMarked, choose }: ChoiceProps): ReactElement {
  const venue = useVenue();
  const ticker = useStore(venue.tickers).get(market.symbol);
  const name = nameOf(market.base, useStore(venue.names));
  const changed = ticker ? change(ticker.first, ticker.last) : NONE;
  const tone = trend(changed);
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the keys are the combobox's, which keeps the focus
    <div
      id={id}
      role="option"
      aria-selected={isMarked}
      tabIndex={-1}
      className={styles["choice"]}
      ref={(element) => {
        if (isMarked) element?.scrollIntoView({ block: "nearest" });
      }}
      onClick={() => choose(market)}
    >
      <b>{pair(market)}</b>
      <span className={styles["name"]}>{name}</span>
      <span>{ticker ? fixed(ticker.last, market.priceDecimals) : NONE}</span>
      <span className={tone} data-trend={tone}>
        {changed}
      </span>
    </div>
  );
}
