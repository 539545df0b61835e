/** The page's frame: what is around every route, and which component each path shows. */
import { lazy, Suspense, useEffect, type ReactElement } from "react";
import { Redirect, Route, Switch } from "wouter";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Asking } from "./Asking";
import { ConnectionBar } from "./Connection";
import { Failure } from "./Failure";
import { Footer } from "./Footer";
import { Header } from "./Header";
import { Nowhere } from "./Nowhere";
import { Opening } from "./Opening";
import { TRADE, tradePath } from "./routes";
import { Toaster } from "./Toaster";

const MarketsPage = lazy(() => import("../markets/MarketsPage"));
const OrdersPage = lazy(() => import("../records/OrdersPage"));
const PortfolioPage = lazy(() => import("../portfolio/PortfolioPage"));
const SettingsPage = lazy(() => import("../settings/SettingsPage"));
const TradePage = lazy(() => import("../trade/TradePage"));
const DocsPage = lazy(() => import("../docs/DocsPage"));
const StatusPage = lazy(() => import("../status/StatusPage"));

export function App(): ReactElement {
  const feed = useStore(useVenue().feed.state);
  return (
    <div className="page" data-live={feed === "live"}>
      <Header />
      <ConnectionBar />
      <Failure>
        <Suspense fallback={<Opening />}>
          <Switch>
            <Route path="/markets" component={MarketsPage} />
            <Route path="/orders" component={OrdersPage} />
            <Route path="/portfolio" component={PortfolioPage} />
            <Route path="/settings" component={SettingsPage} />
            <Route path={TRADE}>{({ symbol }) => <TradePage symbol={symbol} />}</Route>
            <Route path="/trade" component={FirstMarket} />
            <Route path="/" component={FirstMarket} />
            <Route path="/docs" component={DocsPage} />
            <Route path="/status" component={StatusPage} />
            <Route component={Nowhere} />
          </Switch>
        </Suspense>
      </Failure>
      <Footer />
      <Toaster />
      <Asking />
    </div>
  );
}

function FirstMarket(): ReactElement {
  const venue = useVenue();
  useStore(venue.markets);
  const { first } = venue;
  useEffect(() => {
    document.title = "Exchange";
  }, []);
  return first ? <Redirect to={tradePath(first.symbol)} replace /> : <Opening />;
}
