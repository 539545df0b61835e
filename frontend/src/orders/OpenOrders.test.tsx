// @vitest-environment happy-dom
import { act, type ReactElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Venue } from "../model/venue";
import type { Session } from "../api/session";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import type { Order } from "../model/trader/orders";
import { VenueContext } from "../ui/useVenue";
import { OpenOrders } from "./OpenOrders";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const SOL: Market = {
  symbol: "SOL_USDC",
  base: "SOL",
  quote: "USDC",
  state: "Open",
  tick: parse("0.01"),
  step: parse("0.01"),
  priceDecimals: 2,
  quantityDecimals: 2,
  minPrice: parse("0.01"),
  maxPrice: null,
  maxImpact: null,
  minImpact: null,
  minQuantity: parse("0.01"),
  maxQuantity: null,
};

const order = (id: string): Order => ({
  id,
  symbol: "SOL_USDC",
  side: "Bid",
  type: "Limit",
  timeInForce: "GTC",
  postOnly: false,
  status: "New",
  price: parse("100"),
  triggerPrice: null,
  quantity: parse("1"),
  executed: 0n,
  executedQuote: 0n,
  display: null,
  createdMs: -Number(id),
});

let venue: Venue;
let host: HTMLElement;
let root: Root;

beforeEach(() => {
  venue = new Venue();
  venue.markets.set([SOL]);
  host = document.body.appendChild(document.createElement("div"));
  root = createRoot(host);
});

afterEach(async () => {
  await act(async () => root.unmount());
  host.remove();
});

const show = (element: ReactElement): Promise<void> =>
  act(async () => root.render(<VenueContext.Provider value={venue}>{element}</VenueContext.Provider>));

/** The account's open orders are these, from above. */
const open = (...ids: string[]): Promise<void> => act(async () => venue.account.orders.set(new Map(ids.map((id) => [id, order(id)]))));

const panel = (
  <>
    <button type="button" role="tab" id="tab">
      Open orders
    </button>
    <div role="tabpanel" aria-labelledby="tab">
      <OpenOrders onlySymbol={null} />
    </div>
  </>
);

/** The first that is so, and says so. */
function found(selector: string, text = ""): HTMLElement {
  const element = [...host.querySelectorAll<HTMLElement>(selector)].find(({ textContent }) => textContent.includes(text));
  if (!element) throw new Error(`No ${selector} with "${text}"`);
  return element;
}

const inRow = (id: string, selector: string, text?: string): HTMLElement => found(`tr[data-order="${id}"] ${selector}`, text);

const press = (button: HTMLElement): Promise<void> =>
  act(async () => {
    button.focus();
    button.click();
  });

const choose = (id: string, name: string): Promise<void> => press(inRow(id, "[role=menuitem]", name));

it.each<[Session, string]>([
  [{ kind: "opening" }, "Waiting for the account…"],
  [{ kind: "none", reason: "Log in to trade" }, "Log in to trade"],
])("says why there are none: %o", async (session, text) => {
  venue.session.store.set(session);
  await show(<OpenOrders onlySymbol={null} />);
  expect(host.textContent).toBe(text);
});

it("gives the keyboard back to the row's menu once it is amended, or left as it was", async () => {
  const amended = vi.spyOn(venue.trading, "amend").mockResolvedValue(true);
  await show(panel);
  await open("1", "2");
  HTMLElement.prototype.hidePopover ??= () => undefined;
  for (const id of ["1", "2"]) {
    await choose(id, "Amend");
    expect(document.activeElement).toBe(inRow(id, "input"));
    await act(async () => (found("form") as HTMLFormElement).requestSubmit());
    expect(document.activeElement).toBe(inRow(id, "[aria-haspopup]"));
  }
  await choose("1", "Amend");
  await press(inRow("1", ".action button", "Back"));
  expect(document.activeElement).toBe(inRow("1", "[aria-haspopup]"));
  expect(amended).not.toHaveBeenCalled(); // nothing was changed
});

it("leads the keyboard to the next order once one is cancelled, to the one before the last, and then to the tab", async () => {
  vi.spyOn(venue.trading, "cancel").mockResolvedValue();
  await show(panel);
  await open("1", "2", "3");
  await press(inRow("2", ".action button"));
  await open("1", "3");
  expect(document.activeElement).toBe(inRow("3", ".action button"));
  await press(inRow("3", ".action button"));
  await open("1");
  expect(document.activeElement).toBe(inRow("1", ".action button"));
  await press(inRow("1", ".action button"));
  await open();
  expect(document.activeElement?.textContent).toBe("Open orders");
});

it("leaves the keyboard where somebody went while the cancellation was on its way", async () => {
  vi.spyOn(venue.trading, "cancel").mockResolvedValue();
  await show(panel);
  await open("1", "2");
  await press(inRow("1", ".action button"));
  await act(async () => found("[role=tab]").focus());
  await open("2");
  expect(document.activeElement?.textContent).toBe("Open orders");
});

it("has triggers, averages and places in the queue only where an order has one", async () => {
  const heads = (): (string | null)[] => [...host.querySelectorAll("th")].map(({ textContent }) => textContent);
  await show(panel);
  await open("1", "2");
  expect(heads()).toEqual(["Date", "Market", "Side", "Type", "Price", "Amount", "Filled", "Total", "Actions"]);
  await act(async () => venue.queues.places.set(new Map([["2", { before: 0, quantity: 0n, shown: 1n }]])));
  expect(heads()).toContain("Before it");
  const traded = { ...order("1"), executed: parse("0.5"), executedQuote: parse("50") };
  const waiting: Order = { ...order("2"), triggerPrice: parse("99"), status: "TriggerPending" };
  await act(async () => venue.account.orders.set(new Map([traded, waiting].map((each) => [each.id, each]))));
  expect(heads()).toEqual(expect.arrayContaining(["Trigger", "Average"]));
});

it("shows what part of an iceberg others see, in its row and among its details", async () => {
  HTMLDialogElement.prototype.showModal = vi.fn();
  HTMLElement.prototype.hidePopover ??= () => undefined;
  await show(panel);
  await act(async () => venue.account.orders.set(new Map([["1", { ...order("1"), quantity: parse("5"), display: parse("2") }]])));
  expect(inRow("1", '[data-label="Type"]').textContent).toBe("Iceberg 2 shown");
  await choose("1", "Details");
  const facts = [...found("dialog").querySelectorAll("dl > div")].map(({ children }) => [...children].map(({ textContent }) => textContent));
  expect(facts).toEqual(expect.arrayContaining([["Shown in the book", "2 SOL at a time"], ["Filled", "0 SOL, 0%"], ["Order", "1"]]));
});

it("says every total exactly, also one that is longer than those around it", async () => {
  await show(panel);
  const long = { ...order("2"), price: parse("1234.56"), quantity: parse("99.87") };
  await act(async () => venue.account.orders.set(new Map([["1", order("1")], ["2", long]])));
  const totals = [...host.querySelectorAll('td[data-label="Total"]')].map(({ textContent }) => textContent);
  expect(totals).toEqual(["100.00 USDC", "123,295.5072 USDC"]);
});
