/** The API explained: the prose of docs/api.md, and around it what the exchange says of itself. */
import { useEffect, useState, type ReactElement } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/http";
import { Contents } from "./Contents";
import { documents, type Documents } from "./documents";
import { Errors } from "./Errors";
import { Limits } from "./Limits";
import { Prose, Section } from "./Prose";
import { routesByTag } from "./reading";
import { Routes } from "./Routes";
import { SignedRequest } from "./SignedRequest";
import { Messages, Streams } from "./Streams";
import style from "./docs.module.css";

export default function DocsPage(): ReactElement {
  const [found, setFound] = useState<Documents | null>(null);
  const [failure, setFailure] = useState("");
  useEffect(() => {
    document.title = "API · Exchange";
    documents().then(setFound, (error: unknown) => setFailure(error instanceof ApiError ? error.message : String(error)));
  }, []);
  return (
    <main className={style["docs"]}>
      <Contents />
      <div className={style["text"]}>
        <h1>The API, explained</h1>
        {failure && <p role="alert">{failure}: reload the page to see what the exchange says of itself.</p>}
        <Section id="start" title="Getting started">
          <Prose title="The API" />
          <Prose title="Conventions" />
        </Section>
        <Section id="signing" title="Signing">
          <Prose title="Signatures" />
          {found && <SignedRequest example={found.explained.example} />}
        </Section>
        <Section id="orders" title="Orders">
          <Prose title="Orders" />
        </Section>
        {found && <Generated found={found} />}
        <p className={style["operators"]}>
          Who runs this exchange watches and halts it at <Link href="/status">Status</Link>, with an administrator’s key.
        </p>
      </div>
    </main>
  );
}

function Generated({ found: { openApi, asyncApi, explained } }: { found: Documents }): ReactElement {
  const groups = routesByTag(openApi);
  const empty = groups.get(explained.empty) ?? [];
  groups.delete(explained.empty);
  return (
    <>
      <Section id="routes" title="Routes">
        <p>
          Each is in the <a href="/docs/reference">interactive reference</a>, where it can be tried.
        </p>
        {[...groups].map(([tag, routes]) => (
          <Routes key={tag} title={tag} routes={routes} openApi={openApi} />
        ))}
      </Section>
      <Section id="errors" title="Errors">
        <Errors errors={explained.errors} />
      </Section>
      <Section id="limits" title="Rate limits">
        <Limits explained={explained} />
      </Section>
      <Section id="streams" title="Streams">
        <Prose title="Streams" />
        <Streams asyncApi={asyncApi} bounds={explained.bounds.streams} />
      </Section>
      <Section id="order-entry" title="Order entry by WebSocket">
        <Prose title="Order entry by WebSocket" />
        <Messages asyncApi={asyncApi} channel="orders" bounds={explained.bounds.orders} />
      </Section>
      <Section id="empty" title={explained.empty}>
        <p>Futures, margin and lending are none of this exchange’s. Clients of other venues ask for them all the same, and get nothing.</p>
        <Routes routes={empty} openApi={openApi} />
      </Section>
    </>
  );
}
