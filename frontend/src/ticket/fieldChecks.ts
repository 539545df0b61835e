/** What would be wrong with one field of an order, in words. Pure. */
import { floorTo, toText } from "../decimal/decimal";
import { exactly, fixed } from "../decimal/format";
import { readTyped } from "../decimal/typed";
import type { Market } from "../model/market/markets";

export type CheckedField = [value: bigint, problem: null] | [value: null, problem: string];

/** `name` as a sentence begins with it: "The price". */
export function checkPrice(text: string, market: Market, name = "The price"): CheckedField {
  if (text.trim() === "") return [null, `Enter ${name.replace("The", "a")}`];
  const { value: price, problem } = readTyped(text, name);
  if (problem !== undefined) return [null, problem];
  if (price <= 0n) return [null, `${name} must be above zero`];
  const shown = (value: bigint): string => fixed(value, market.priceDecimals);
  if (price % market.tick !== 0n) {
    const below = floorTo(price, market.tick);
    const near = below > 0n ? `${shown(below)} or ${shown(below + market.tick)}` : shown(market.tick);
    return [null, `${name} moves in steps of ${toText(market.tick)}: try ${near}`];
  }
  if (price < market.minPrice) return [null, `The lowest price is ${shown(market.minPrice)}`];
  if (market.maxPrice !== null && price > market.maxPrice) return [null, `The highest price is ${shown(market.maxPrice)}`];
  return [price, null];
}

export function checkQuantity(text: string, market: Market): CheckedField {
  if (text.trim() === "") return [null, "Enter an amount"];
  const { value: quantity, problem } = readTyped(text, "The amount");
  if (problem !== undefined) return [null, problem];
  if (quantity <= 0n) return [null, "The amount must be above zero"];
  if (quantity < market.minQuantity) return [null, `The smallest order is ${toText(market.minQuantity)} ${market.base}`];
  if (quantity % market.step !== 0n) {
    return [null, `The amount moves in steps of ${toText(market.step)}: try ${toText(floorTo(quantity, market.step))}`];
  }
  if (market.maxQuantity !== null && quantity > market.maxQuantity) {
    return [null, `The largest order is ${toText(market.maxQuantity)} ${market.base}`];
  }
  return [quantity, null];
}

/** What is wrong if the balance does not suffice; a balance that is not known does. */
export function shortOf(asset: string, needed: bigint, available: bigint | null): string | null {
  if (available === null || needed <= available) return null;
  return `Not enough ${asset}: this needs ${exactly(needed, 0)}, you have ${exactly(available, 0)}`;
}
