// @vitest-environment happy-dom
import { act } from "react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../decimal/decimal";
import { eventually } from "../eventually";
import { FormFixture } from "./formFixture";

let form: FormFixture;
const sent = vi.fn<(path: string, init: RequestInit) => void>();

function answer(status: number, body: unknown): void {
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent(path, init);
    return new Response(JSON.stringify(body), { status });
  });
}

beforeEach(async () => {
  sent.mockReset();
  form = await FormFixture.open();
});

afterEach(async () => {
  await form.close();
  vi.unstubAllGlobals();
});

it("starts at the best bid and sends what was typed, with the session's token", async () => {
  answer(200, { id: "1", status: "New", side: "Bid", quantity: "2.5", price: "99.99", symbol: "SOL_USDC" });
  expect(form.field("Price").value).toBe("99.99");
  await form.type("Amount", "2.5");
  await form.press("Buy SOL");
  const [path, init] = sent.mock.calls[0] ?? [];
  expect(path).toBe("/api/v1/order");
  expect(init?.headers).toMatchObject({ "X-CSRF-Token": "token" });
  const { clientId, ...order } = JSON.parse(String(init?.body)) as Record<string, unknown>;
  expect(order).toEqual({ symbol: "SOL_USDC", side: "Bid", orderType: "Limit", price: "99.99", quantity: "2.5", timeInForce: "GTC" });
  expect(Number.isInteger(clientId)).toBe(true);
  await eventually(() => expect(form.venue.toasts.store.get()[0]?.title).toBe("Order placed"));
  expect(form.field("Amount").value).toBe("");
});

it("never sets a price where one was typed, not even when the field is empty and the book arrives", async () => {
  await form.unmount();
  form.venue.book.touch.set({ bid: null, ask: null });
  await form.mount();
  await form.type("Price", "120");
  await form.type("Price", "");
  await form.learn(() => form.venue.book.touch.set({ bid: parse("99.99"), ask: null }));
  expect(form.field("Price").value).toBe("");
});

it("says what is wrong and sends nothing", async () => {
  answer(200, {});
  await form.type("Price", "99.995");
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  expect(form.said).toBe("The price moves in steps of 0.01: try 99.99 or 100.00");
  expect(form.field("Price").getAttribute("aria-invalid")).toBe("true");
  expect(sent).not.toHaveBeenCalled();
});

it("takes a share of the balance, and keeps the draft when the exchange refuses", async () => {
  answer(400, { code: "INSUFFICIENT_FUNDS", message: "Insufficient funds: 999.9 USDC needed" });
  await form.press("100%");
  expect(form.field("Amount").value).toBe("10.001");
  await form.press("Buy SOL");
  await act(async () => form.venue.questions.answer(true));
  await eventually(() => expect(form.venue.toasts.store.get()[0]).toMatchObject({ tone: "bad", title: "Not enough funds" }));
  await eventually(() => expect(form.field("Amount").value).toBe("10.001"));
});

it("refuses nothing for want of balances that it does not know yet", async () => {
  await form.learn(() => form.venue.account.clear());
  await eventually(() => expect(form.host.textContent).toContain("Available\u2013 USDC"));
  answer(200, { id: "1", status: "New", side: "Bid", quantity: "1", price: "99.99", symbol: "SOL_USDC" });
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
});

it("leaves alone the next amount, typed while the order is on its way", async () => {
  let respond: (response: Response) => void = () => {};
  vi.stubGlobal("fetch", async () => new Promise<Response>((resolve) => (respond = resolve)));
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  expect(form.field("Amount").value).toBe("");
  expect(form.said).toBe("");
  await form.type("Amount", "2");
  await act(async () => respond(Response.json({ code: "INSUFFICIENT_FUNDS", message: "Insufficient funds" }, { status: 400 })));
  await eventually(() => expect(form.venue.toasts.store.get()).toHaveLength(1));
  await eventually(() => expect(form.submit?.textContent).toBe("Buy SOL"));
  expect(form.field("Amount").value).toBe("2");
  await form.press("Buy SOL");
  await form.type("Amount", "3");
  await act(async () => respond(Response.json({ id: "1", status: "New", side: "Bid", quantity: "2", symbol: "SOL_USDC" })));
  await eventually(() => expect(form.venue.toasts.store.get()).toHaveLength(2));
  await eventually(() => expect(form.submit?.textContent).toBe("Buy SOL"));
  expect(form.field("Amount").value).toBe("3");
});

it("asks again with the same client id when the answer is lost", async () => {
  let calls = 0;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent(path, init);
    calls += 1;
    if (calls === 1) throw new TypeError("network");
    return new Response(JSON.stringify({ id: "1", status: "Filled" }), { status: 200 });
  });
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledTimes(2));
  const ids = sent.mock.calls.map(([, init]) => (JSON.parse(String(init.body)) as { clientId: number }).clientId);
  expect(ids[0]).toBe(ids[1]);
});

it("takes over a price that was picked from the book", async () => {
  await form.learn(() => form.venue.picked.set({ price: parse("101.5"), side: "Ask" }));
  await eventually(() => expect(form.field("Price").value).toBe("101.5"));
  expect(form.submit?.textContent).toBe("Sell SOL");
  await form.press("Buy");
  expect(form.field("Price").value).toBe("99.99");
});

it("keeps a price for each side, which begins at its own best one", async () => {
  await form.press("Sell");
  expect(form.field("Price").value).toBe("100.01");
  await form.type("Price", "101");
  await form.press("Buy");
  expect(form.field("Price").value).toBe("99.99");
  await form.press("Mid");
  expect(form.field("Price").value).toBe("100");
  await form.press("Sell");
  expect(form.field("Price").value).toBe("101");
});

it("says which price is kept when another one takes its place, and when one would trade at once", async () => {
  await form.press("Sell");
  expect(form.said).toBe(""); // nobody wrote the first one
  await form.press("Buy");
  await form.type("Price", "98.5");
  await form.press("Sell");
  expect(form.field("Price").value).toBe("100.01");
  expect(form.said).toBe("Your price to buy, 98.5, is kept. This is the best one to sell.");
  await form.type("Amount", "1");
  expect(form.said).toBe("");
  await form.type("Price", "99.99");
  expect(form.said).toBe("Trades at once: the best bid is 99.99");
  await form.press("Buy");
  expect(form.field("Price").value).toBe("98.5");
  expect(form.said).toBe("Your price to sell, 99.99, is kept. This is yours to buy.");
  await form.type("Price", "100.02");
  expect(form.said).toBe("Trades at once: the best ask is 100.01");
});

it("asks before it sends what is unusual, and sends it only if meant", async () => {
  answer(200, { id: "1", status: "Filled" });
  await form.type("Price", "103");
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  expect(form.venue.questions.asked.get()).toMatchObject({ title: "Buy 1 SOL at 103.00 USDC?", of: ["through"] });
  await act(async () => form.venue.questions.answer(false));
  expect(sent).not.toHaveBeenCalled();
  expect(form.field("Amount").value).toBe("1");
  await form.press("Buy SOL");
  await act(async () => form.venue.questions.answer(true));
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
});

it("sends a stop at the market, with its trigger", async () => {
  answer(200, { id: "1", status: "TriggerPending", side: "Bid", triggerQuantity: "1", symbol: "SOL_USDC" });
  await form.press("Stop");
  await form.press("at the market");
  await form.type("Trigger", "120");
  await form.type("Amount", "1");
  await form.press("Buy SOL");
  await eventually(() => expect(sent).toHaveBeenCalledOnce());
  const { clientId, ...order } = JSON.parse(String(sent.mock.calls[0]?.[1].body)) as Record<string, unknown>;
  expect(order).toEqual({ symbol: "SOL_USDC", side: "Bid", orderType: "Market", triggerPrice: "120", triggerQuantity: "1" });
  expect(Number.isInteger(clientId)).toBe(true);
});

it("cannot send while the exchange is away", async () => {
  await form.learn(() => form.venue.feed.state.set("away"));
  await eventually(() => expect(form.submit?.disabled).toBe(true));
});

it("cannot send while order entry is dead, though the market goes on, and says why", async () => {
  await form.learn(() => form.venue.orderEntry.state.set({ kind: "closed", reason: "The engine does not answer" }));
  await eventually(() => expect(form.submit?.disabled).toBe(true));
  expect(form.host.textContent).toContain("The engine does not answer");
});
