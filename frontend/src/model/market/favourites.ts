/** The markets that a person marked; remembered by the browser. */
import { recall, remember } from "../../reactive/remembered";
import { Store } from "../../reactive/store";

const KEY = "favourites";
const ONLY = "favourites.only";

export const favourites = new Store<ReadonlySet<string>>(new Set((recall(KEY) ?? "").split(",").filter(Boolean)));

/** Whether the list of markets was last seen without others. */
export function recallOnly(): boolean {
  return recall(ONLY) === "yes";
}

export function rememberOnly(isOnly: boolean): void {
  remember(ONLY, isOnly ? "yes" : "");
}

export function toggleFavourite(symbol: string): void {
  const marked = new Set(favourites.get());
  if (!marked.delete(symbol)) marked.add(symbol);
  favourites.set(marked);
  remember(KEY, [...marked].join(","));
}
