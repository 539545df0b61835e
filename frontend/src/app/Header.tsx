/** The header: pages, the market with its figures where one is traded, the account, and whether all is live. */
import { useState, type ReactElement } from "react";
import { Link, useRoute } from "wouter";
import { useStore } from "../reactive/useStore";
import { PHONE, useMedia } from "../ui/useMedia";
import { useVenue } from "../ui/useVenue";
import { AccountActions, AccountDialogs, type AccountDialog } from "../users/AccountMenu";
import { Lights } from "./Connection";
import styles from "./Header.module.css";
import { MarketBar } from "./MarketBar";
import { MarketPicker, useMarketKeys } from "./MarketPicker";
import { Menu } from "./Menu";
import { TRADE } from "./routes";

export function Header(): ReactElement {
  const market = useStore(useVenue().selected);
  const [isTrading] = useRoute(TRADE);
  const isPhone = useMedia(PHONE);
  const [isPicking, setPicking] = useState(false);
  const [dialog, show] = useState<AccountDialog | null>(null);
  const pick = (): void => setPicking(true);
  useMarketKeys(pick);
  return (
    <header className={styles["top"]}>
      <Menu brand={(!isPhone || !isTrading) && <Brand />}>{isPhone && <AccountActions show={show} />}</Menu>
      {isTrading && market && <MarketBar market={market} pick={pick} />}
      <div className={styles["end"]}>
        {!isPhone && <AccountActions show={show} />}
        <Lights />
      </div>
      {isPicking && <MarketPicker close={() => setPicking(false)} />}
      <AccountDialogs shown={dialog} close={() => show(null)} />
    </header>
  );
}

function Brand(): ReactElement {
  return (
    <Link href="/" className={styles["brand"]} aria-label="Exchange">
      <img src="/favicon.svg" alt="" width="24" height="24" />
    </Link>
  );
}
