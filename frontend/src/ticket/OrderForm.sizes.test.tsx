// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../decimal/decimal";
import { FormFixture } from "./formFixture";

let form: FormFixture;
const sent = vi.fn<(path: string, init: RequestInit) => void>();

beforeEach(async () => {
  vi.stubGlobal("fetch", sent);
  form = await FormFixture.open();
});

afterEach(async () => {
  await form.close();
  vi.unstubAllGlobals();
});

it("works out the amount from a total that is typed", async () => {
  await form.type("Price", "100");
  await form.type("Total", "250.5");
  expect(form.field("Amount").value).toBe("2.505");
});

it.each([
  ["0.05", "0.05 USDC buys less than the smallest amount, 0.001 SOL: that is 0.1 USDC"],
  ["25x", "The total is not a number"],
])("keeps a total that cannot be had, %s, and says why", async (total, why) => {
  await form.type("Price", "100");
  await form.type("Amount", "1");
  await form.type("Total", total);
  await form.leave("Total");
  expect(form.field("Total").value).toBe(total);
  expect(form.said).toBe(why);
  expect(form.field("Total").getAttribute("aria-invalid")).toBe("true");
  await form.press("Buy SOL");
  expect(sent).not.toHaveBeenCalled();
  await form.type("Amount", "2");
  expect(form.field("Total").value).toBe("200");
  expect(form.said).toBe("");
});

it("keeps a total until there is a price for it", async () => {
  await form.type("Price", "");
  await form.type("Total", "250");
  await form.leave("Total");
  expect(form.field("Total").value).toBe("250");
  expect(form.said).toBe("Enter a price: the amount follows from it");
  await form.type("Price", "100");
  expect(form.field("Amount").value).toBe("2.5");
});

/** A book that sells so much at 100.01, as if it had just arrived. */
async function sells(quantity: string): Promise<void> {
  await form.learn(() => {
    const { sync } = form.venue.book;
    sync.state = "live";
    sync.book.reset([], [[parse("100.01"), parse(quantity)]], 1, 1000);
  });
}

it("says one thing at a time of a market order that is larger than the book: first what keeps it from being sent", async () => {
  await sells("8");
  await form.press("Market");
  const said = (): string => [...form.host.querySelectorAll("[role=alert], [role=note]")].map((each) => each.textContent).join("|");
  await form.type("Amount", "9");
  await form.leave("Amount");
  expect(said()).toBe("Only 8 SOL are for sale, for 800.08 USDC: the rest would expire");
  expect(form.host.querySelector("dl")?.textContent).not.toContain("≈");
  await sells("11");
  await form.type("Amount", "12");
  await form.leave("Amount");
  expect(said()).toBe("Not enough USDC: this needs 1,100.11, you have 1,000");
});

