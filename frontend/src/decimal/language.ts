/** In which language numbers are typed: the browser's, unless the reader says which sign stands before decimals. */
import { recall, remember } from "../reactive/remembered";
import { Store } from "../reactive/store";

export const NUMBERS = ["auto", "point", "comma"] as const;
export type Numbers = (typeof NUMBERS)[number];

const KEY = "numbers";
const LANGUAGES: Readonly<Record<Numbers, readonly string[] | null>> = { auto: null, point: ["en-US"], comma: ["de-DE"] };

export const numbers = new Store<Numbers>(NUMBERS.find((each) => each === recall(KEY)) ?? "auto");

export function chooseNumbers(chosen: Numbers): void {
  numbers.set(chosen);
  remember(KEY, chosen);
}

export function readersLanguages(): readonly string[] {
  return LANGUAGES[numbers.get()] ?? globalThis.navigator?.languages ?? [];
}
