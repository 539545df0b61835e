/** Shares in percent, as text without the sign. Pure. */
import { SCALE } from "./decimal";
import { fixed } from "./format";

const HUNDRED = 100n * 10n ** BigInt(SCALE);

/** Rounded; but what is not nothing is never shown as nothing, "<0.1", and what is not all never as all, ">99.9". */
export function percentOf(part: bigint, whole: bigint, decimals: number): string {
  const step = 10n ** BigInt(SCALE - decimals);
  const zero = fixed(0n, decimals);
  if (whole <= 0n || part <= 0n) return zero;
  const all = fixed(HUNDRED, decimals);
  if (part >= whole) return all;
  const text = fixed((part * HUNDRED) / whole, decimals);
  if (text === zero) return `<${fixed(step, decimals)}`;
  return text === all ? `>${fixed(HUNDRED - step, decimals)}` : text;
}
