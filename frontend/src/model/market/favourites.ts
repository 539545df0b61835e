/** The markets that a person marked; remembered by the browser. */
import { recall, remember } from "../../reactive/remembered";
import { Store } from "../../reactive/store";

const KEY = "favourites";

export const favourites = new Store<ReadonlySet<string>>(new Set((recall(KEY) ?? "").split(",").filter(Boolean)));

export function toggleFavourite(symbol: string): void {
  const marked = new Set(favourites.get());
  if (!marked.delete(symbol)) marked.add(symbol);
  favourites.set(marked);
  remember(KEY, [...marked].join(","));
}
