/** The route of one market. */
import { Fragment, useEffect, type ReactElement } from "react";
import { Link, Redirect } from "wouter";
import { Opening } from "../app/Opening";
import { tradePath } from "../app/routes";
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
  if (wanted && wanted.symbol !== symbol) return <Redirect to={tradePath(wanted.symbol)} replace />;
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
        It may have another name, or be gone. These are the <Link href="/markets">markets</Link> that there are:
      </p>
      <p>
        {markets.map((market) => (
          <Fragment key={market.symbol}>
            <Link href={tradePath(market.symbol)}>{market.symbol}</Link>{" "}
          </Fragment>
        ))}
      </p>
    </Notice>
  );
}
