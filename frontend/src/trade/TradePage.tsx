/** The route of one market. */
import { Fragment, useEffect, type ReactElement } from "react";
import { Link } from "wouter";
import { Opening } from "../app/Opening";
import { useStore } from "../reactive/useStore";
import { Notice } from "../ui/Notice";
import { useVenue } from "../ui/useVenue";
import { Trade } from "./Trade";

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
    <Notice title={`There is no market ${symbol}`}>
      <p>
        {markets.map((market) => (
          <Fragment key={market.symbol}>
            <Link href={`/trade/${market.symbol}`}>{market.symbol}</Link>{" "}
          </Fragment>
        ))}
      </p>
    </Notice>
  );
}
