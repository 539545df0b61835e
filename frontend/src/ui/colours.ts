/** Dark unless the user chose light: trading screens are dark, whatever the system's own preference. */
import { Store } from "../reactive/store";

export type Colours = "dark" | "light";

const KEY = "colours";

/** A browser may forbid storage: then the choice lasts as long as the page. */
function remembered(): Colours {
  try {
    return localStorage.getItem(KEY) === "light" ? "light" : "dark";
  } catch {
    return "dark";
  }
}

function apply(chosen: Colours): void {
  document.documentElement.dataset["colours"] = chosen;
}

export const colours = new Store<Colours>(remembered());
apply(colours.get());

export function switchColours(): void {
  const chosen = colours.get() === "dark" ? "light" : "dark";
  apply(chosen);
  colours.set(chosen);
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // not remembered, see above
  }
}
