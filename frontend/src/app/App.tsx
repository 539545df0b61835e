/** The page's frame: which panels there are, and which of them a small screen shows. */
import { useEffect, useState, type ReactElement } from "react";
import { Assets } from "../account/Assets";
import { Ladder } from "../book/Ladder";
import { Chart } from "../chart/Chart";
import { MarketList } from "../markets/MarketList";
import { Stats } from "../markets/Stats";
import { pair, type Market } from "../model/markets";
import { OrderForm } from "../orders/OrderForm";
import { useStore } from "../reactive/useStore";
import { Tape } from "../tape/Tape";
import { colours, switchColours } from "../ui/colours";
import { useVenue } from "../ui/useVenue";
import { AccountMenu } from "../users/AccountMenu";
import { Asking } from "./Asking";
import { Connection, ConnectionBar } from "./Connection";
import { Ledger } from "./Ledger";
import { Toaster } from "./Toaster";
import "./layout.css";

const VIEWS = ["Chart", "Book", "Trades"] as const;
type View = (typeof VIEWS)[number];

export function App(): ReactElement {
  const venue = useVenue();
  const market = useStore(venue.selected);
  const feed = useStore(venue.feed.state);
  const [isListOpen, setListOpen] = useState(false);
  useDismissal(isListOpen, setListOpen);
  return (
    <div className="page" data-live={feed === "live"}>
      <header className="top">
        <div className="brand">
          <img src="/favicon.svg" alt="" width="22" height="22" />
          <b>Exchange</b>
        </div>
        {market && (
          <button
            type="button"
            className="market-switch"
            aria-expanded={isListOpen}
            aria-controls="market-list"
            onClick={() => setListOpen(!isListOpen)}
          >
            {pair(market)} <span aria-hidden="true">▾</span>
          </button>
        )}
        {market && <h1 className="market-name">{pair(market)}</h1>}
        {market && <Stats market={market} />}
        <div className="top-end">
          <AccountMenu />
          <Connection />
        </div>
      </header>
      <ConnectionBar />
      {market ? <Trade market={market} isListOpen={isListOpen} closeList={() => setListOpen(false)} /> : <Opening />}
      <Footer />
      <Toaster />
      <Asking />
    </div>
  );
}

/** Where the list of markets overlays the page, Escape or a press outside closes it. */
function useDismissal(isOpen: boolean, setOpen: (isOpen: boolean) => void): void {
  useEffect(() => {
    if (!isOpen) return undefined;
    const press = (event: PointerEvent): void => {
      if (!(event.target as Element).closest("#market-list, .market-switch")) setOpen(false);
    };
    const key = (event: KeyboardEvent): void => {
      if (event.key === "Escape") setOpen(false);
    };
    addEventListener("pointerdown", press);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("pointerdown", press);
      removeEventListener("keydown", key);
    };
  }, [isOpen, setOpen]);
}

function Opening(): ReactElement {
  return (
    <main className="opening" role="status">
      <span className="spinner" aria-hidden="true" />
      Waiting for the exchange…
    </main>
  );
}

function Trade({ market, isListOpen, closeList }: { market: Market; isListOpen: boolean; closeList: () => void }): ReactElement {
  const [view, setView] = useState<View>("Chart");
  return (
    <main className={`trade view-${view.toLowerCase()}`} data-list={isListOpen}>
      <div className="left">
        <div id="market-list" className="list-cell">
          <MarketList chosen={closeList} />
        </div>
        <Tape market={market} />
      </div>
      <div className="choices views" role="group" aria-label="Market view">
        {VIEWS.map((each) => (
          <button key={each} type="button" aria-pressed={each === view} onClick={() => setView(each)}>
            {each}
          </button>
        ))}
      </div>
      <Chart market={market} />
      <Ladder key={`ladder ${market.symbol}`} market={market} />
      <div className="right">
        <OrderForm key={`form ${market.symbol}`} market={market} />
        <Assets market={market} />
      </div>
      <Ledger market={market} />
    </main>
  );
}

function Footer(): ReactElement {
  const chosen = useStore(colours);
  return (
    <footer className="bottom">
      <span>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </span>
      <span className="keys">
        <kbd>/</kbd> markets · <kbd>↑</kbd> <kbd>↓</kbd> step a price · <kbd>Enter</kbd> send
      </span>
      <button type="button" className="colours" onClick={switchColours}>
        {chosen === "dark" ? "Light colours" : "Dark colours"}
      </button>
    </footer>
  );
}
