/** Whether keys that are one character do something where no text is typed: they can be in the way of speech input. */
import { recall, remember } from "../reactive/remembered";
import { Store } from "../reactive/store";

const KEY = "hotkeys";

export const hotkeys = new Store(recall(KEY) !== "off");

export function switchHotkeys(isOn: boolean): void {
  hotkeys.set(isOn);
  remember(KEY, isOn ? "on" : "off");
}

export const HOTKEYS: readonly [keys: string, what: string][] = [
  ["Ctrl K", "Choose a market, from anywhere"],
  ["/", "The same, where no text is typed"],
  ["↑ ↓", "Step a price or an amount, move in lists and in the book"],
  ["Enter", "Send the order; in the book, take the price into it"],
  ["Esc", "Close what is open"],
];
