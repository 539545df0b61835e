/** The header: pages, the market with its figures where one is traded, the account, and whether all is live. */
import { useRef, useState, type ReactElement } from "react";
import { Link, useLocation, useRoute } from "wouter";
import { Stats } from "../markets/Stats";
import { pair, restriction, type Market } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { useMarketNow } from "../ui/useMarketNow";
import { useVenue } from "../ui/useVenue";
import { AccountMenu } from "../users/AccountMenu";
import { Lights } from "./Connection";
import { MarketPicker, useMarketKeys } from "./MarketPicker";
import { NAVIGATION, TRADE } from "./routes";

export function Header(): ReactElement {
  const market = useStore(useVenue().selected);
  const [isTrading] = useRoute(TRADE);
  const [isPicking, setPicking] = useState(false);
  const pick = (): void => setPicking(true);
  useMarketKeys(pick);
  return (
    <header className="top">
      <Link href="/" className="brand" aria-label="Exchange">
        <img src="/favicon.svg" alt="" width="22" height="22" />
      </Link>
      <Navigation />
      {isTrading && market && <MarketBar market={market} pick={pick} />}
      <div className="top-end">
        <AccountMenu />
        <Lights />
      </div>
      {isPicking && <MarketPicker close={() => setPicking(false)} />}
    </header>
  );
}

/** Beside the logo, or behind a button where there is no room for it. */
function Navigation(): ReactElement {
  const [path] = useLocation();
  const menu = useRef<HTMLElement>(null);
  const hide = (): void => {
    if (menu.current?.matches(":popover-open")) menu.current.hidePopover();
  };
  return (
    <>
      <button type="button" className="menu-button" popoverTarget="pages">
        Menu
      </button>
      <nav ref={menu} id="pages" popover="auto" className="pages" aria-label="Pages">
        {NAVIGATION.map((page) => (
          <Link key={page.path} href={page.path} aria-current={path.startsWith(page.path) ? "page" : undefined} onClick={hide}>
            {page.label}
          </Link>
        ))}
      </nav>
    </>
  );
}

function MarketBar({ market, pick }: { market: Market; pick: () => void }): ReactElement {
  const restricted = restriction(useMarketNow(market));
  return (
    <div className="market-bar">
      <h1>
        <button type="button" className="market-switch" aria-haspopup="dialog" title="Choose a market (/ or Ctrl K)" onClick={pick}>
          {pair(market)} <span aria-hidden="true">▾</span>
        </button>
      </h1>
      {restricted !== null && <strong className="restriction">{restricted}</strong>}
      <Stats market={market} />
    </div>
  );
}
