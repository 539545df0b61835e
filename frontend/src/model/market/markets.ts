/** The rules of each market in exact decimals, and which market the page shows. */
import type { WireMarket } from "../../api/types";
import { decimalsOf, parse } from "../../decimal/decimal";

export interface Market {
  symbol: string;
  base: string;
  quote: string;
  state: WireMarket["orderBookState"];
  tick: bigint;
  step: bigint;
  priceDecimals: number;
  quantityDecimals: number;
  minPrice: bigint;
  maxPrice: bigint | null;
  /** Times the best price: as far as a market order goes. */
  maxImpact: bigint | null;
  minImpact: bigint | null;
  minQuantity: bigint;
  maxQuantity: bigint | null;
}

const optional = (text: string | null | undefined): bigint | null => (text ? parse(text) : null);

export function toMarket(wire: WireMarket): Market {
  const { price, quantity } = wire.filters;
  return {
    symbol: wire.symbol,
    base: wire.baseSymbol,
    quote: wire.quoteSymbol,
    state: wire.orderBookState,
    tick: parse(price.tickSize),
    step: parse(quantity.stepSize),
    priceDecimals: decimalsOf(price.tickSize),
    quantityDecimals: decimalsOf(quantity.stepSize),
    minPrice: parse(price.minPrice),
    maxPrice: optional(price.maxPrice),
    maxImpact: optional(price.maxImpactMultiplier),
    minImpact: optional(price.minImpactMultiplier),
    minQuantity: parse(quantity.minQuantity),
    maxQuantity: optional(quantity.maxQuantity),
  };
}

/** What a market that does not take every order is called; null while it does. */
export function restriction({ state }: Market): string | null {
  return state === "Open" ? null : (RESTRICTIONS[state] ?? state);
}

const RESTRICTIONS: Partial<Record<Market["state"], string>> = {
  PostOnly: "Post-only",
  LimitOnly: "Limit orders only",
  CancelOnly: "Cancel only",
  Closed: "Halted",
};

/** "SOL/USDC": the name people read; the wire says SOL_USDC. */
export function pair(market: Market): string {
  return `${market.base}/${market.quote}`;
}
