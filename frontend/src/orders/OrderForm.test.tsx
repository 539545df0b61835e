// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../decimal/decimal";
import { eventually } from "../eventually";
import { toMarket } from "../model/markets";
import { Venue } from "../model/venue";
import { VenueContext } from "../ui/useVenue";
import { OrderForm } from "./OrderForm";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

const market = toMarket({
  symbol: "SOL_USDC",
  baseSymbol: "SOL",
  quoteSymbol: "USDC",
  marketType: "SPOT",
  orderBookState: "Open",
  visible: true,
  filters: {
    price: { tickSize: "0.01", minPrice: "0.01", maxPrice: null },
    quantity: { stepSize: "0.001", minQuantity: "0.001", maxQuantity: null },
  },
});

let venue: Venue;
let root: Root;
let host: HTMLElement;
const sent = vi.fn<(path: string, init: RequestInit) => void>();

function answer(status: number, body: unknown): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent(path, init);
    return new Response(JSON.stringify(body), { status });
  });
}

beforeEach(async () => {
  sent.mockReset();
  venue = new Venue();
  venue.session.store.set({ kind: "open", account: 5, name: null, secondFactor: false, csrfToken: "token", streamToken: "stream" });
  venue.feed.state.set("live");
  venue.account.balances.set(new Map([["USDC", { available: parse("1000"), locked: 0n }]]));
  venue.book.touch.set({ bid: parse("99.99"), ask: parse("100.01") });
  host = document.createElement("div");
  document.body.append(host);
  root = createRoot(host);
  await act(async () => {
    root.render(
      <VenueContext.Provider value={venue}>
        <OrderForm market={market} />
      </VenueContext.Provider>,
    );
  });
});

afterEach(async () => {
  await act(async () => root.unmount());
  host.remove();
  vi.unstubAllGlobals();
});

function field(label: string): HTMLInputElement {
  const found = [...host.querySelectorAll("label")].find((each) => each.textContent === label);
  return document.getElementById(found?.htmlFor ?? "") as HTMLInputElement;
}

async function type(label: string, text: string): Promise<void> {
  const input = field(label);
  const setter = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set;
  await act(async () => {
    setter?.call(input, text);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

async function press(name: string): Promise<void> {
  const button = [...host.querySelectorAll("button")].find((each) => each.textContent === name);
  await act(async () => {
    button?.click();
    await Promise.resolve();
  });
}

it("starts at the best bid and sends what was typed, with the session's token", async () => {
  answer(200, { id: "1", status: "New", side: "Bid", quantity: "2.5", price: "99.99", symbol: "SOL_USDC" });
  expect(field("Price").value).toBe("99.99");
  await type("Amount", "2.5");
  await press("Buy SOL");
  const [path, init] = sent.mock.calls[0] ?? [];
  expect(path).toBe("/api/v1/order");
  expect(init?.headers).toMatchObject({ "X-CSRF-Token": "token" });
  const { clientId, ...order } = JSON.parse(String(init?.body)) as Record<string, unknown>;
  expect(order).toEqual({ symbol: "SOL_USDC", side: "Bid", orderType: "Limit", price: "99.99", quantity: "2.5", timeInForce: "GTC" });
  expect(Number.isInteger(clientId)).toBe(true);
  await eventually(() => expect(venue.toasts.store.get()[0]?.title).toBe("Order placed"));
  expect(field("Amount").value).toBe("");
});

it("never sets a price where one was typed, not even when the field is empty and the book arrives", async () => {
  await act(async () => root.unmount());
  venue.book.touch.set({ bid: null, ask: null });
  root = createRoot(host);
  await act(async () => {
    root.render(
      <VenueContext.Provider value={venue}>
        <OrderForm market={market} />
      </VenueContext.Provider>,
    );
  });
  await type("Price", "120");
  await type("Price", "");
  await act(async () => {
    venue.book.touch.set({ bid: parse("99.99"), ask: null });
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  expect(field("Price").value).toBe("");
});

it("says what is wrong and sends nothing", async () => {
  answer(200, {});
  await type("Price", "99.995");
  await type("Amount", "1");
  await press("Buy SOL");
  expect(host.querySelector(".problem")?.textContent).toBe("The price moves in steps of 0.01: try 99.99 or 100");
  expect(field("Price").getAttribute("aria-invalid")).toBe("true");
  expect(sent).not.toHaveBeenCalled();
});

it("takes a share of the balance, and keeps the draft when the exchange refuses", async () => {
  answer(400, { code: "INSUFFICIENT_FUNDS", message: "Insufficient funds: 999.9 USDC needed" });
  await press("100%");
  expect(field("Amount").value).toBe("10.001");
  await press("Buy SOL");
  await act(async () => venue.questions.answer(true));
  await eventually(() => expect(venue.toasts.store.get()[0]).toMatchObject({ tone: "bad", title: "Not enough funds" }));
  await eventually(() => expect(field("Amount").value).toBe("10.001"));
});

it("refuses nothing for want of balances that it does not know yet", async () => {
  await act(async () => {
    venue.account.clear();
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  await eventually(() => expect(host.querySelector(".available b")?.textContent).toBe("\u2013 USDC"));
  answer(200, { id: "1", status: "New", side: "Bid", quantity: "1", price: "99.99", symbol: "SOL_USDC" });
  await type("Amount", "1");
  await press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
});

it("leaves alone the next amount, typed while the order is on its way", async () => {
  let respond: (response: Response) => void = () => {};
  vi.stubGlobal("fetch", async () => new Promise<Response>((resolve) => (respond = resolve)));
  await type("Amount", "1");
  await press("Buy SOL");
  expect(field("Amount").value).toBe("");
  expect(host.querySelector(".problem")).toBeNull();
  await type("Amount", "2");
  await act(async () => respond(Response.json({ code: "INSUFFICIENT_FUNDS", message: "Insufficient funds" }, { status: 400 })));
  await eventually(() => expect(venue.toasts.store.get()).toHaveLength(1));
  await eventually(() => expect(host.querySelector(".submit")?.textContent).toBe("Buy SOL"));
  expect(field("Amount").value).toBe("2");
  await press("Buy SOL");
  await type("Amount", "3");
  await act(async () => respond(Response.json({ id: "1", status: "New", side: "Bid", quantity: "2", symbol: "SOL_USDC" })));
  await eventually(() => expect(venue.toasts.store.get()).toHaveLength(2));
  await eventually(() => expect(host.querySelector(".submit")?.textContent).toBe("Buy SOL"));
  expect(field("Amount").value).toBe("3");
});

it("asks again with the same client id when the answer is lost", async () => {
  let calls = 0;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent(path, init);
    calls += 1;
    if (calls === 1) throw new TypeError("network");
    return new Response(JSON.stringify({ id: "1", status: "Filled" }), { status: 200 });
  });
  await type("Amount", "1");
  await press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledTimes(2));
  const ids = sent.mock.calls.map(([, init]) => (JSON.parse(String(init.body)) as { clientId: number }).clientId);
  expect(ids[0]).toBe(ids[1]);
});

it("takes over a price that was picked from the book", async () => {
  await act(async () => {
    venue.picked.set({ price: parse("101.5"), side: "Ask" });
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  await eventually(() => expect(field("Price").value).toBe("101.5"));
  expect(host.querySelector(".submit")?.textContent).toBe("Sell SOL");
  await press("Buy");
  expect(field("Price").value).toBe("99.99");
});

it("keeps a price for each side, which begins at its own best one", async () => {
  await press("Sell");
  expect(field("Price").value).toBe("100.01");
  await type("Price", "101");
  await press("Buy");
  expect(field("Price").value).toBe("99.99");
  await press("Mid");
  expect(field("Price").value).toBe("100");
  await press("Sell");
  expect(field("Price").value).toBe("101");
});

it("works out the amount from a total that is typed", async () => {
  await type("Price", "100");
  await type("Total", "250.5");
  expect(field("Amount").value).toBe("2.505");
  await type("Total", "25x");
  expect(field("Amount").value).toBe("2.505");
});

it("asks before it sends what is unusual, and sends it only if meant", async () => {
  answer(200, { id: "1", status: "Filled" });
  await type("Price", "103");
  await type("Amount", "1");
  await press("Buy SOL");
  expect(venue.questions.asked.get()).toMatchObject({ title: "Buy 1 SOL at 103.00 USDC?", of: ["through"] });
  await act(async () => venue.questions.answer(false));
  expect(sent).not.toHaveBeenCalled();
  expect(field("Amount").value).toBe("1");
  await press("Buy SOL");
  await act(async () => venue.questions.answer(true));
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
});

it("sends a stop at the market, with its trigger", async () => {
  answer(200, { id: "1", status: "TriggerPending", side: "Bid", triggerQuantity: "1", symbol: "SOL_USDC" });
  await press("Stop");
  await press("at the market");
  await type("Trigger", "120");
  await type("Amount", "1");
  await press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
  const { clientId, ...order } = JSON.parse(String(sent.mock.calls[0]?.[1].body)) as Record<string, unknown>;
  expect(order).toEqual({ symbol: "SOL_USDC", side: "Bid", orderType: "Market", triggerPrice: "120", triggerQuantity: "1" });
  expect(Number.isInteger(clientId)).toBe(true);
});

it("cannot send while the exchange is away", async () => {
  await act(async () => {
    venue.feed.state.set("away");
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  await eventually(() => expect(host.querySelector<HTMLButtonElement>(".submit")?.disabled).toBe(true));
});

it("cannot send while order entry is dead, though the market goes on, and says why", async () => {
  await act(async () => {
    venue.orderEntry.state.set({ kind: "closed", reason: "The engine does not answer" });
    await new Promise((resolve) => requestAnimationFrame(resolve));
  });
  await eventually(() => expect(host.querySelector<HTMLButtonElement>(".submit")?.disabled).toBe(true));
  expect(host.querySelector(".hint")?.textContent).toBe("The engine does not answer");
});
