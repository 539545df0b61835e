/** The route of one market: its panels, and which of them a small screen shows. */
import { useEffect, useState, type ReactElement } from "react";
import { Link } from "wouter";
import { Assets } from "../account/Assets";
import { Ledger } from "../app/Ledger";
import { Opening } from "../app/Opening";
import { Ladder } from "../book/Ladder";
import { Chart } from "../chart/Chart";
import { MarketList } from "../markets/MarketList";
import type { Market } from "../model/markets";
import { OrderForm } from "../orders/OrderForm";
import { useStore } from "../reactive/useStore";
import { Tape } from "../tape/Tape";
import { useVenue } from "../ui/useVenue";
import "./trade.css";

const VIEWS = ["Chart", "Book", "Trades"] as const;
type View = (typeof VIEWS)[number];

/** The market that the address names, once the model has it; never another one under its name. */
export default function TradePage({ symbol }: { symbol: string }): ReactElement {
  const venue = useVenue();
  const isLoaded = useStore(venue.markets).length > 0;
  const selected = useStore(venue.selected);
  const wanted = venue.market(symbol.toUpperCase());
  useEffect(() => {
    if (wanted) venue.select(wanted.symbol);
  }, [venue, wanted]);
  if (isLoaded && !wanted) return <UnknownMarket symbol={symbol} />;
  return selected ? <Trade market={selected} /> : <Opening />;
}

function UnknownMarket({ symbol }: { symbol: string }): ReactElement {
  const markets = useStore(useVenue().markets);
  useEffect(() => {
    document.title = "No such market";
  }, []);
  return (
    <main className="opening notice">
      <h1>There is no market {symbol}</h1>
      <p>
        {markets.map((market) => (
          <Link key={market.symbol} href={`/trade/${market.symbol}`}>
            {market.symbol}
          </Link>
        ))}
      </p>
    </main>
  );
}

function Trade({ market }: { market: Market }): ReactElement {
  const [view, setView] = useState<View>("Chart");
  return (
    <main className={`trade view-${view.toLowerCase()}`}>
      <div className="left">
        <div className="list-cell">
          <MarketList />
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
