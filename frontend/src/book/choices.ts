/** What the reader chose to see of the book, remembered by the browser. */
import { recall, remember } from "../reactive/remembered";

export const SIDES = ["both", "bids", "asks"] as const;
export const UNITS = ["base", "quote"] as const;
export type Sides = (typeof SIDES)[number];
export type Unit = (typeof UNITS)[number];

export interface Choices {
  sides: Sides;
  unit: Unit;
}

const KEY = "book.choices";

export function rememberedChoices(): Choices {
  const [sides, unit] = (recall(KEY) ?? "").split(" ");
  return { sides: SIDES.find((each) => each === sides) ?? "both", unit: UNITS.find((each) => each === unit) ?? "base" };
}

export function rememberChoices({ sides, unit }: Choices): void {
  remember(KEY, `${sides} ${unit}`);
}
