import { expect, it } from "vitest";
import { parse } from "../../decimal/decimal";
import type { TickerEvent, TradeEvent } from "../../feed/events";
import { fromWire, withTicker, withTrade } from "./tickers";

const wire = (symbol: string, price: string): Parameters<typeof fromWire>[0][number] => ({
  symbol,
  firstPrice: price,
  lastPrice: price,
  high: price,
  low: price,
  volume: "0",
  quoteVolume: "0",
  trades: "0",
});

const never: TickerEvent = { e: "ticker", s: "NEW_USDC", o: "0", c: "0", h: "0", l: "0", v: "0", V: "0", n: 0 };
const trade = { e: "trade", s: "NEW_USDC", p: "1.5", q: "2", t: 1, m: false, T: 0 } as TradeEvent;

it("knows no price of a market that never traded, until it trades", () => {
  const tickers = fromWire([wire("NEW_USDC", "0"), wire("SOL_USDC", "150")]);
  expect([...tickers.keys()]).toEqual(["SOL_USDC"]);
  expect(withTicker(tickers, never)).toBe(tickers);
  const traded = withTrade(tickers, trade).get("NEW_USDC");
  expect([traded?.last, traded?.high, traded?.low]).toEqual([parse("1.5"), parse("1.5"), parse("1.5")]);
});
