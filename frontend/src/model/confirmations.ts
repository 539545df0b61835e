/** What a person wants to be asked about before it is done. All of it, until switched off; remembered by the browser. */
import { Store } from "../reactive/store";

export const CONFIRMATIONS = {
  through: "A limit price more than 2 % through the market",
  share: "An order that takes more than a quarter of the balance, what is in orders included",
  slippage: "A market order that slips by more than 0.5 %",
  cancelAll: "Cancelling all orders",
  move: "Moving an order by its line on the chart",
} as const;

export type Confirmation = keyof typeof CONFIRMATIONS;

const KEY = "confirmations.off";
const ALL = Object.keys(CONFIRMATIONS) as Confirmation[];

/** A browser may forbid storage: then a choice lasts as long as the page. */
function remembered(): ReadonlySet<Confirmation> {
  try {
    const off = (localStorage.getItem(KEY) ?? "").split(",");
    return new Set(ALL.filter((each) => !off.includes(each)));
  } catch {
    return new Set(ALL);
  }
}

/** Those that are asked for. */
export const confirmations = new Store<ReadonlySet<Confirmation>>(remembered());

export function switchConfirmation(which: Confirmation, isOn: boolean): void {
  const asked = new Set(confirmations.get());
  if (isOn) asked.add(which);
  else asked.delete(which);
  confirmations.set(asked);
  try {
    localStorage.setItem(KEY, ALL.filter((each) => !asked.has(each)).join());
  } catch {
    // not remembered, see above
  }
}
