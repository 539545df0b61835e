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

const estimate = (): string => form.host.querySelector("dl")?.textContent ?? "";

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
  expect(estimate()).toContain("Average price, up to there≈ 100.01 USDC");
  expect(estimate()).toContain("Cost, up to there≈ 800.08 USDC");
  await sells("11");
  await form.type("Amount", "12");
  await form.leave("Amount");
  expect(said()).toBe("Not enough USDC: this needs 1,100.11, you have 1,000");
});

it("says what part of an order that may not rest would fill now, and what becomes of the others", async () => {
  await sells("8");
  await form.type("Price", "101");
  await form.type("Amount", "9");
  await form.take("IOC");
  expect(estimate()).toContain("Fills now8 of 9 SOL");
  expect(estimate()).toContain("Average price≈ 100.01 USDC");
  expect(form.said).toBe("Only 8 SOL are for sale up to 101.00, for 800.08 USDC: the rest would expire");
  await form.take("FOK");
  expect(estimate()).toContain("Fills nownothing");
  expect(form.said).toBe("Only 8 SOL are for sale up to 101.00, for 800.08 USDC: all of it would be killed");
  await form.type("Price", "100");
  expect(form.said).toBe("Nothing is for sale up to 100.00: all of it would be killed");
  await form.take("IOC");
  expect(form.said).toBe("Nothing is for sale up to 100.00: it would expire");
  await form.take("GTC");
  expect(form.said).toBe("");
  expect(estimate()).not.toContain("Fills now");
});

it("holds what an order at a limit may cost, not what it would", async () => {
  await sells("20");
  await form.type("Price", "110");
  await form.type("Amount", "9.5");
  await form.take("IOC");
  await form.leave("Amount");
  expect(form.said).toBe("Not enough USDC: this needs 1,045, you have 1,000");
});
