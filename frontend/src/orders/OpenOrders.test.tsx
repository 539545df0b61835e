// @vitest-environment happy-dom
import { act } from "react";
import { createRoot } from "react-dom/client";
import { expect, it } from "vitest";
import { Venue } from "../model/venue";
import type { Session } from "../api/session";
import { VenueContext } from "../ui/useVenue";
import { OpenOrders } from "./OpenOrders";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const venue = new Venue();

it.each<[Session, string]>([
  [{ kind: "opening" }, "Waiting for the account…"],
  [{ kind: "none", reason: "Log in to trade" }, "Log in to trade"],
])("says why there are none: %o", async (session, text) => {
  venue.session.store.set(session);
  const host = document.createElement("div");
  const root = createRoot(host);
  await act(async () =>
    root.render(
      <VenueContext.Provider value={venue}>
        <OpenOrders onlySymbol={null} />
      </VenueContext.Provider>,
    ),
  );
  expect(host.textContent).toBe(text);
  await act(async () => root.unmount());
});
