/**
 * Exact decimals: a bigint that counts units of 10⁻¹⁸. Prices, quantities and balances live in this one form, so that
 * comparing, adding and multiplying them never rounds. Non-goal: display; see format.ts.
 */
export const SCALE = 18;
const ONE = 10n ** BigInt(SCALE);
const PLAIN = /^(-?)(\d*)(?:\.(\d*))?$/;

export class DecimalError extends Error {}

/** The value of plain decimal text: digits with at most one point; no exponent, no separators. */
export function parse(text: string): bigint {
  const match = PLAIN.exec(text);
  const whole = match?.[2] ?? "";
  const fraction = match?.[3] ?? "";
  if (!match || (whole === "" && fraction === "")) throw new DecimalError(`"${text}" is not a plain decimal number`);
  if (fraction.length > SCALE) throw new DecimalError(`"${text}" has more than ${SCALE} decimals`);
  const units = BigInt(whole + fraction.padEnd(SCALE, "0"));
  return match[1] ? -units : units;
}

/** The shortest plain text that parses to exactly this value: what goes on the wire. */
export function toText(value: bigint): string {
  const digits = (value < 0n ? -value : value).toString().padStart(SCALE + 1, "0");
  const whole = digits.slice(0, -SCALE);
  const fraction = digits.slice(-SCALE).replace(/0+$/, "");
  return (value < 0n ? "-" : "") + (fraction ? `${whole}.${fraction}` : whole);
}

/** Number of decimals of the text of a step such as "0.001". */
export function decimalsOf(step: string): number {
  const point = step.indexOf(".");
  return point < 0 ? 0 : step.slice(point + 1).replace(/0+$/, "").length;
}

/** a·b, rounded towards zero at 10⁻¹⁸: exact for a price times a quantity of any valid market. */
export function multiply(a: bigint, b: bigint): bigint {
  return (a * b) / ONE;
}

/** a/b, rounded towards zero at 10⁻¹⁸. */
export function divide(a: bigint, b: bigint): bigint {
  return (a * ONE) / b;
}

export function floorTo(value: bigint, step: bigint): bigint {
  return value - (value % step);
}

export function ceilTo(value: bigint, step: bigint): bigint {
  const rest = value % step;
  return rest === 0n ? value : value - rest + step;
}

export function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

export function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** A share 0…1 as a number, for geometry on the screen only: never for money. */
export function ratio(part: bigint, whole: bigint): number {
  return whole <= 0n ? 0 : Number((part * 10_000n) / whole) / 10_000;
}

/** For drawing on a canvas only. */
export function toDrawing(text: string): number {
  return Number(text);
}
