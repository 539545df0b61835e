import { expect, test } from "vitest";
import { toMarket } from "./markets";
import { search } from "./search";

const names = new Map([["SOL", "Solana"], ["BTC", "Bitcoin"], ["ETH", "Ether"], ["USDC", "USD Coin"]]);
const markets = ["SOL_USDC", "BTC_USDC", "ETH_USDC", "ETH_BTC"].map((symbol) => {
  const [baseSymbol = "", quoteSymbol = ""] = symbol.split("_");
  const filters = {
    price: { tickSize: "0.01", minPrice: "0.01", maxPrice: null },
    quantity: { stepSize: "0.01", minQuantity: "0.01", maxQuantity: null },
  };
  return toMarket({ symbol, baseSymbol, quoteSymbol, marketType: "SPOT", orderBookState: "Open", visible: true, filters });
});
const found = (text: string): string[] => search(markets, names, text).map(({ symbol }) => symbol);

test("by symbol, pair and name, however it is written", () => {
  expect(found("")).toEqual(["SOL_USDC", "BTC_USDC", "ETH_USDC", "ETH_BTC"]);
  expect(found(" sol ")).toEqual(["SOL_USDC"]);
  expect(found("solana")).toEqual(["SOL_USDC"]);
  for (const text of ["eth_btc", "ETH/BTC", "eth-btc"]) expect(found(text)).toEqual(["ETH_BTC"]);
  expect(found("nothing of the kind")).toEqual([]);
});

test("the market of the asset comes before those that only mention it", () => {
  expect(found("btc")).toEqual(["BTC_USDC", "ETH_BTC"]);
  expect(found("bitcoin")[0]).toBe("BTC_USDC");
});
