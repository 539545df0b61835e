import { expect, it } from "vitest";
import { parse, toText } from "../decimal/decimal";
import { BookReplica } from "../model/depth/bookReplica";
import { toMarket, type Market } from "../model/market/markets";
import { stepped } from "../ui/DecimalField";
import { EMPTY } from "./draft";
import { share, shortfall, walk, worstPrice } from "./sizing";

const market = toMarket({
  symbol: "SOL_USDC",
  baseSymbol: "SOL",
  quoteSymbol: "USDC",
  marketType: "SPOT",
  orderBookState: "Open",
  visible: true,
  filters: {
    price: { tickSize: "0.01", minPrice: "0.01", maxPrice: null },
    quantity: { stepSize: "0.001", minQuantity: "0.001", maxQuantity: "500" },
  },
});

it("never asks for more than the balance pays", () => {
  const quote = parse("1000");
  for (const price of ["3", "7.77", "99.99"].map(parse)) {
    const quantity = share("Bid", 100n, price, market, 0n, quote);
    expect(quantity % market.step).toBe(0n);
    expect((quantity * price) / 10n ** 18n <= quote).toBe(true);
    expect(((quantity + market.step) * price) / 10n ** 18n > quote).toBe(true);
  }
  expect(toText(share("Ask", 25n, null, market, parse("1.23"), 0n))).toBe("0.307");
  expect(toText(share("Bid", 100n, null, market, 0n, quote))).toBe("0");
  expect(toText(share("Ask", 100n, null, market, parse("9999"), 0n))).toBe("500");
});

it("walks the book as the exchange would", () => {
  const book = new BookReplica();
  book.reset([[parse("99"), parse("5")]], [[parse("100"), parse("1")], [parse("101"), parse("2")]], 1, 1000);
  const two = walk(book, "Bid", { base: parse("2") });
  expect([toText(two.quote), two.isFilled]).toEqual(["201", true]);
  const spent = walk(book, "Bid", { quote: parse("150.5") });
  expect([toText(spent.base), spent.isFilled]).toEqual(["1.5", true]);
  const tooMuch = walk(book, "Ask", { base: parse("6") });
  expect([toText(tooMuch.base), tooMuch.isFilled]).toEqual(["5", false]);
});

it("steps a field up and down on the grid, never below one step", () => {
  const tick = parse("0.01");
  expect([stepped("1.005", tick, 1), stepped("1.005", tick, -1), stepped("1", tick, 1)]).toEqual(["1.01", "1", "1.01"]);
  expect([stepped("0.01", tick, -1), stepped("", tick, -1)]).toEqual(["0.01", "0.01"]);
});

it("leaves a text that cannot be read for its writer to mend", () => {
  expect(stepped("1,5", parse("0.01"), 1)).toBe("1,5");
});

it("goes as far as the market and the order allow, and says how far that is", () => {
  const rules: Market = { ...market, maxImpact: parse("1.1"), minImpact: parse("0.9") };
  const worst = (side: "Bid" | "Ask", slippage: string | null, where = rules) => {
    const price = worstPrice(side, parse("100"), slippage === null ? null : parse(slippage), where);
    return price === null ? null : toText(price);
  };
  expect([worst("Bid", null), worst("Ask", null), worst("Bid", "2"), worst("Ask", "2"), worst("Bid", "50")]).toEqual(["110", "90", "102", "98", "110"]);
  expect(worst("Bid", null, { ...rules, maxImpact: null })).toBeNull();
  expect(worstPrice("Bid", null, null, rules)).toBeNull();
  const book = new BookReplica();
  book.reset([], [[parse("100"), parse("1")], [parse("111"), parse("9")]], 1, 1000);
  const walked = walk(book, "Bid", { base: parse("5") }, parse("110"));
  expect(shortfall(EMPTY, walked, parse("110"), rules)).toBe("Only 1 SOL are for sale up to 110.00, for 100.00 USDC: the rest would expire");
  expect(shortfall(EMPTY, walk(book, "Bid", { base: parse("1") }, parse("110")), parse("110"), rules)).toBeNull();
});
