/** Dark or light, as the system prefers unless the reader chose; and which pair of colours means up and down. */
import { recall, remember } from "../reactive/remembered";
import { Store } from "../reactive/store";

type Colours = "dark" | "light";
export const THEMES = ["auto", "dark", "light"] as const;
export type Theme = (typeof THEMES)[number];
export const PALETTES = ["standard", "safe"] as const;
type Palette = (typeof PALETTES)[number];

const THEME = "colours";
const PALETTE = "palette";
const prefersLight = matchMedia("(prefers-color-scheme: light)");

const oneOf = <T extends string>(known: readonly T[], text: string | null): T => known.find((each) => each === text) ?? (known[0] as T);

export const theme = new Store<Theme>(oneOf(THEMES, recall(THEME)));
export const palette = new Store<Palette>(oneOf(PALETTES, recall(PALETTE)));

function effective(): Colours {
  const chosen = theme.get();
  if (chosen !== "auto") return chosen;
  return prefersLight.matches ? "light" : "dark";
}

/** What is on the screen. */
export const colours = new Store<Colours>(effective());
/** Grows when any colour has changed: what draws on a canvas reads its own again. */
export const drawn = new Store(0);

function apply(): void {
  const root = document.documentElement.dataset;
  root["colours"] = effective();
  root["palette"] = palette.get();
  colours.set(effective());
  drawn.update((times) => times + 1);
}

export function chooseTheme(chosen: Theme): void {
  theme.set(chosen);
  remember(THEME, chosen);
  apply();
}

export function choosePalette(chosen: Palette): void {
  palette.set(chosen);
  remember(PALETTE, chosen);
  apply();
}

export function switchColours(): void {
  chooseTheme(colours.get() === "dark" ? "light" : "dark");
}

prefersLight.addEventListener("change", apply);
apply();
