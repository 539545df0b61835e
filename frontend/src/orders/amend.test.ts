import { expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import type { Order } from "../model/trader/orders";
import { amend, whyNotAmendable } from "./amend";

const market = {
  base: "SOL",
  tick: parse("0.01"),
  step: parse("0.1"),
  priceDecimals: 2,
  quantityDecimals: 1,
  minPrice: parse("0.01"),
  maxPrice: null,
  minQuantity: parse("0.1"),
  maxQuantity: null,
} as Market;
const order = { price: parse("150"), quantity: parse("5"), executed: parse("2"), status: "PartiallyFilled" } as Order;

it.each([
  ["150", "5", null, true, null],
  ["150", "4", { quantity: "4" }, true, null],
  ["150", "6", { quantity: "6" }, false, null],
  ["149.5", "5", { price: "149.5" }, false, null],
  ["149.5", "4", { price: "149.5", quantity: "4" }, false, null],
  ["149.505", "5", null, false, "The price moves in steps of 0.01: try 149.50 or 149.51"],
  ["150", "1,5", null, false, "The amount cannot be read: write it as 1234.5, with a point before the decimals; commas part thousands only"],
  ["150", "2", null, false, "2 SOL of it are traded already: the amount must be above that"],
])("price %s and amount %s", (price, quantity, change, keepsPlace, problem) => {
  expect(amend(order, { price, quantity }, market)).toEqual({ problem, change, keepsPlace });
});

it("leaves alone what waits for its trigger", () => {
  expect(whyNotAmendable(order)).toBeNull();
  expect(whyNotAmendable({ ...order, status: "TriggerPending" })).toMatch(/cancel it and place another/);
});
