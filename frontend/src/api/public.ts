/** Market data that needs no account. */
import { request } from "./http";
import type { WireAsset, WireDepth, WireKline, WireMarket, WireOrderBook, WireStatus, WireTicker, WireTrade } from "./types";

const BOOK_LEVELS = 1000;

export async function markets(): Promise<WireMarket[]> {
  const answer = await request<WireMarket[]>("GET", "/api/v1/markets");
  return answer.body.filter((market) => market.visible && market.marketType === "SPOT");
}

export async function assets(): Promise<WireAsset[]> {
  return (await request<WireAsset[]>("GET", "/api/v1/assets")).body;
}

/** Whether an order would be accepted now. */
export async function status(): Promise<WireStatus> {
  return (await request<WireStatus>("GET", "/api/v1/status")).body;
}

export async function tickers(): Promise<WireTicker[]> {
  return (await request<WireTicker[]>("GET", "/api/v1/tickers")).body;
}

export async function depth(symbol: string): Promise<WireDepth> {
  return (await request<WireDepth>("GET", "/api/v1/depth", { query: { symbol, limit: BOOK_LEVELS } })).body;
}

/** The best level of each side. */
export async function best(symbol: string): Promise<WireDepth> {
  return (await request<WireDepth>("GET", "/api/v1/depth", { query: { symbol, limit: 1 } })).body;
}

/** Every resting order, without its owner: best price first, then first come first. */
export async function orderBook(symbol: string): Promise<WireOrderBook> {
  return (await request<WireOrderBook>("GET", "/api/v1/depth/orders", { query: { symbol } })).body;
}

/** Newest first. */
export async function trades(symbol: string, limit: number): Promise<WireTrade[]> {
  return (await request<WireTrade[]>("GET", "/api/v1/trades", { query: { symbol, limit } })).body;
}

/** Ascending; both bounds in seconds, the end exclusive. */
export async function klines(symbol: string, interval: string, startTime: number, endTime: number): Promise<WireKline[]> {
  const query = { symbol, interval, startTime, endTime };
  return (await request<WireKline[]>("GET", "/api/v1/klines", { query })).body;
}
