/** Decimals as text for people: fixed decimals, thousands separated. Rounds half away from zero where digits are cut. */
import { SCALE } from "./decimal";

const GROUP = /\B(?=(\d{3})+$)/g;
const MINUS = "\u2212";
export const NONE = "\u2013";

/** "12,345.60" for (12345.6, 2). */
export function fixed(value: bigint, decimals: number): string {
  const step = 10n ** BigInt(SCALE - decimals);
  const magnitude = value < 0n ? -value : value;
  const rounded = ((magnitude + step / 2n) / step).toString().padStart(decimals + 1, "0");
  const whole = rounded.slice(0, rounded.length - decimals).replace(GROUP, ",");
  const text = decimals === 0 ? whole : `${whole}.${rounded.slice(-decimals)}`;
  return value < 0n && /[1-9]/.test(rounded) ? MINUS + text : text;
}

/** "+2.65" or "−2.65": for differences. One that is rounded away has no sign. */
export function signed(value: bigint, decimals: number): string {
  const text = fixed(value, decimals);
  return value > 0n && /[1-9]/.test(text) ? `+${text}` : text;
}

/** As `fixed`, of what may be rounded but is not nothing: "<0.01" where that would say 0. */
export function about(value: bigint, decimals: number): string {
  const text = fixed(value, decimals);
  return value > 0n && !/[1-9]/.test(text) ? `<${fixed(10n ** BigInt(SCALE - decimals), decimals)}` : text;
}

/** All the decimals that it has, at least `least`: money. */
export function exactly(value: bigint, least = 2): string {
  return trimmed(value, least, SCALE);
}

/** As many decimals as the value has, at least `least` and at most `most` (cut, not rounded: never shows more than there is). */
export function trimmed(value: bigint, least: number, most: number): string {
  const step = 10n ** BigInt(SCALE - most);
  const text = fixed(value - (value % step), most);
  const point = text.indexOf(".");
  if (point < 0) return text;
  let end = text.length;
  while (end > point + 1 + least && text[end - 1] === "0") end -= 1;
  return text.slice(0, end === point + 1 ? point : end);
}

const UNITS: readonly [bigint, string][] = [
  [10n ** BigInt(SCALE + 9), "B"],
  [10n ** BigInt(SCALE + 6), "M"],
  [10n ** BigInt(SCALE + 3), "K"],
];

/** "1.24M": for volumes, where the order of magnitude is what counts. */
export function compact(value: bigint): string {
  for (const [unit, letter] of UNITS) {
    if (value >= unit) return fixed((value * 10n ** BigInt(SCALE)) / unit, 2) + letter;
  }
  return fixed(value, 2);
}

/** "+1.52%" for the change from `first` to `last`. */
export function change(first: bigint, last: bigint): string {
  if (first <= 0n) return "0.00%";
  return `${signed(((last - first) * 100n * 10n ** BigInt(SCALE)) / first, 2)}%`;
}

export type Direction = "up" | "down" | "flat";

export function direction(from: bigint, to: bigint): Direction {
  if (to > from) return "up";
  return to < from ? "down" : "flat";
}

/** Where a difference points, as its text shows it: one that is rounded away points nowhere. */
export function trend(text: string): Direction {
  if (!/[1-9]/.test(text)) return "flat";
  return text.startsWith(MINUS) ? "down" : "up";
}

const ROOM = 14; // characters: "999,999.999999", so that a total in six decimals is exact like those around it

/**
 * `exact` where it has room; a longer number as its magnitude, "3.56B", or with its end left out, "0.1234…". Its exact
 * text belongs where one points.
 */
export function short(value: bigint, exact: string, room: number = ROOM): string {
  if (exact.length <= room) return exact;
  if (value >= (UNITS.at(-1) as [bigint, string])[0]) return compact(value);
  return /[1-9]/.test(exact.slice(room)) ? `${exact.slice(0, room - 1)}…` : exact.slice(0, room);
}
