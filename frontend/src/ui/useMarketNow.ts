/** A market's rules as they are now: its state may change while one looks. */
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "./useVenue";

export function useMarketNow(market: Market): Market {
  return useStore(useVenue().markets).find(({ symbol }) => symbol === market.symbol) ?? market;
}
