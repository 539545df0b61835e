import { describe, expect, it } from "vitest";
import { parse } from "../decimal/decimal";
import type { Market } from "../model/market/markets";
import { check } from "./checks";
import { EMPTY, type Draft, type Surroundings } from "./draft";

const market: Market = {
  symbol: "SOL_USDC",
  base: "SOL",
  quote: "USDC",
  state: "Open",
  tick: parse("0.01"),
  step: parse("0.001"),
  priceDecimals: 2,
  quantityDecimals: 3,
  minPrice: parse("0.01"),
  maxPrice: parse("100000"),
  maxImpact: null,
  minImpact: null,
  minQuantity: parse("0.001"),
  maxQuantity: parse("5000"),
};

const around: Surroundings = {
  market,
  bestBid: parse("99.99"),
  bestAsk: parse("100.01"),
  last: parse("100"),
  availableBase: parse("10"),
  availableQuote: parse("1000"),
  totalBase: parse("10"),
  totalQuote: parse("1000"),
};

const limit: Draft = { ...EMPTY, price: "99.5", quantity: "2" };

const byMarket: Draft = { ...limit, kind: "market" };

const problems = (draft: Partial<Draft>, where: Partial<Surroundings> = {}) => check({ ...limit, ...draft }, { ...around, ...where }).problems;

describe("a limit order", () => {
  it("goes on the wire in plain decimals", () => {
    expect(check({ ...limit, price: "99.50", quantity: "2.0" }, around).order).toEqual({
      symbol: "SOL_USDC",
      side: "Bid",
      orderType: "Limit",
      price: "99.5",
      quantity: "2",
      timeInForce: "GTC",
    });
  });

  it("names its handling as the wire does", () => {
    expect(check({ ...limit, handling: "FOK" }, around).order).toMatchObject({ timeInForce: "FOK" });
    const postOnly = check({ ...limit, handling: "PostOnly" }, around).order;
    expect(postOnly).toMatchObject({ postOnly: true });
    expect(postOnly).not.toHaveProperty("timeInForce");
  });

  it.each([
    [{ price: "" }, "price", "Enter a price"],
    [{ price: "abc" }, "price", "The price is not a number"],
    [{ price: "0" }, "price", "The price must be above zero"],
    [{ price: "99.505" }, "price", "The price moves in steps of 0.01: try 99.50 or 99.51"],
    [{ price: "0.004" }, "price", "The price moves in steps of 0.01: try 0.01"],
    [{ price: "100000.01" }, "price", "The highest price is 100,000.00"],
    [{ quantity: "" }, "quantity", "Enter an amount"],
    [{ quantity: "0.0005" }, "quantity", "The smallest order is 0.001 SOL"],
    [{ quantity: "1.2345" }, "quantity", "The amount moves in steps of 0.001: try 1.234"],
    [{ quantity: "5000.001" }, "quantity", "The largest order is 5000 SOL"],
    [{ quantity: "11" }, "quantity", "Not enough USDC: this needs 1,094.5, you have 1,000"],
    [{ side: "Ask", quantity: "10.001" }, "quantity", "Not enough SOL: this needs 10.001, you have 10"],
    [{ handling: "PostOnly", price: "100.01" }, "price", "Post-only would trade at once: the best ask is 100.01"],
    [{ handling: "PostOnly", side: "Ask", price: "99.99" }, "price", "Post-only would trade at once: the best bid is 99.99"],
  ] as [Partial<Draft>, string, string][])("%o: %s", (draft, field, words) => {
    expect(problems(draft)).toEqual({ [field]: words });
    expect(check({ ...limit, ...draft }, around).order).toBeNull();
  });

  it("may spend the whole balance, to the last unit", () => {
    expect(problems({ price: "100", quantity: "10" })).toEqual({});
  });

  it("is not taken by a market that is closed", () => {
    expect(problems({}, { market: { ...market, state: "CancelOnly" } })).toEqual({ form: "This market takes no new orders now" });
  });
});

describe("a market order", () => {
  it("is sized by base or by quote", () => {
    expect(check(byMarket, around).order).toEqual({ symbol: "SOL_USDC", side: "Bid", orderType: "Market", quantity: "2" });
    expect(check({ ...byMarket, sizedBy: "quote", quoteQuantity: "250.5" }, around).order).toEqual({
      symbol: "SOL_USDC",
      side: "Bid",
      orderType: "Market",
      quoteQuantity: "250.5",
    });
  });

  it.each([
    [{ quantity: "10" }, "quantity", "Not enough USDC: this needs 1,000.1, you have 1,000"],
    [{ side: "Ask", quantity: "11" }, "quantity", "Not enough SOL: this needs 11, you have 10"],
    [{ sizedBy: "quote", quoteQuantity: "1001" }, "quoteQuantity", "Not enough USDC: this needs 1,001, you have 1,000"],
    [{ sizedBy: "quote", quoteQuantity: "0.05" }, "quoteQuantity", "The smallest order is about 0.10001 USDC"],
    [{ sizedBy: "quote", side: "Ask", quoteQuantity: "2000" }, "quoteQuantity", "Not enough SOL: this needs 20.002, you have 10"],
  ] as [Partial<Draft>, string, string][])("%o: %s", (draft, field, words) => {
    const found = check({ ...byMarket, ...draft }, around);
    expect(found.problems).toEqual({ [field]: words });
    expect(found.order).toBeNull();
  });

  it("needs someone on the other side", () => {
    expect(check(byMarket, { ...around, bestAsk: null }).problems.form).toMatch(/Nobody sells/);
  });
});

describe("an order that waits for its trigger", () => {
  const stop: Draft = { ...limit, kind: "stop", side: "Ask", trigger: "95", price: "94.5" };

  it("names its quantity as the wire does, at a price or at the market", () => {
    const common = { symbol: "SOL_USDC", side: "Ask", triggerPrice: "95", triggerQuantity: "2" };
    expect(check(stop, around).order).toEqual({ ...common, orderType: "Limit", price: "94.5", timeInForce: "GTC" });
    expect(check({ ...stop, places: "market" }, around).order).toEqual({ ...common, orderType: "Market" });
    const spending: Draft = { ...stop, side: "Bid", trigger: "105", places: "market", sizedBy: "quote", quoteQuantity: "50" };
    expect(check(spending, around).order).toEqual({
      symbol: "SOL_USDC",
      side: "Bid",
      orderType: "Market",
      triggerPrice: "105",
      quoteQuantity: "50",
    });
  });

  it("needs nobody on the other side yet, and may be post-only", () => {
    const waiting = check({ ...stop, places: "market" }, { ...around, bestBid: null });
    expect(waiting.problems).toEqual({});
    expect(check({ ...stop, handling: "PostOnly" }, around).order).toMatchObject({ postOnly: true });
  });

  it.each([
    [{ trigger: "" }, "trigger", "Enter a trigger price"],
    [{ trigger: "95.005" }, "trigger", "The trigger price moves in steps of 0.01: try 95.00 or 95.01"],
    [{ trigger: "101" }, "trigger", "Stop to sell triggers below the last price, 100.00; Take-profit on its other side"],
    [{ trigger: "100" }, "trigger", "Stop to sell triggers below the last price, 100.00; Take-profit on its other side"],
    [{ kind: "takeProfit" }, "trigger", "Take-profit to sell triggers above the last price, 100.00; Stop on its other side"],
    [{ side: "Bid" }, "trigger", "Stop to buy triggers above the last price, 100.00; Take-profit on its other side"],
    [{ places: "market", slippage: "101" }, "slippage", "The tolerance is 100 % at most"],
    [{ places: "market", slippage: "0.00001" }, "slippage", "The tolerance has four decimals at most"],
  ] as [Partial<Draft>, string, string][])("%o: %s", (draft, field, words) => {
    expect(check({ ...stop, ...draft }, around).problems).toEqual({ [field]: words });
  });
});

describe("an iceberg", () => {
  const iceberg: Draft = { ...limit, kind: "iceberg", price: "0.1", quantity: "4000", display: "100" };

  it("says what it shows, and what it does when it meets its own", () => {
    expect(check({ ...iceberg, selfTrade: "RejectBoth" }, around).order).toMatchObject({
      quantity: "4000",
      displayQuantity: "100",
      selfTradePrevention: "RejectBoth",
    });
  });

  it.each([
    [{ display: "" }, "Enter the part that the book shows"],
    [{ display: "4000.001" }, "The part shown is larger than the order"],
    [{ display: "1.999" }, "The part shown must be at least 2 SOL"],
    [{ display: "2" }, undefined],
  ] as [Partial<Draft>, string | undefined][])("%o: %s", (draft, words) => {
    expect(check({ ...iceberg, ...draft }, around).problems.display).toBe(words);
  });
});

it("says the tolerance of a market order in percent", () => {
  expect(check({ ...byMarket, slippage: "0.5" }, around).order).toMatchObject({ slippageTolerance: "0.5", slippageToleranceType: "Percent" });
});
