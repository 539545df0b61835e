/** A text field for an exact decimal: arrow keys step it. What is wrong with it is said by the form, in one place. */
import { useId, type KeyboardEvent, type ReactElement } from "react";
import { ceilTo, floorTo } from "../decimal/decimal";
import { toTyped, tryTyped } from "../decimal/typed";
import styles from "./DecimalField.module.css";

interface DecimalFieldProps {
  label: string;
  unit: string;
  value: string;
  step: bigint;
  /** The id of the element that says what is wrong with it; undefined: nothing is. */
  problem: string | undefined;
  change: (text: string) => void;
  left: () => unknown;
}

/** The next multiple of the step above or below, never under one step; text that is not a number stays as it is. */
export function stepped(text: string, step: bigint, by: 1 | -1): string {
  const value = text.trim() === "" ? 0n : tryTyped(text);
  if (value === null) return text;
  const next = by === 1 ? floorTo(value, step) + step : ceilTo(value, step) - step;
  return toTyped(next < step ? step : next);
}

export function DecimalField({ label, unit, value, step, problem, change, left }: DecimalFieldProps): ReactElement {
  const id = useId();
  const steer = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    change(stepped(value, step, event.key === "ArrowUp" ? 1 : -1));
  };
  const leave = (): void => {
    const read = tryTyped(value);
    if (read !== null && toTyped(read) !== value) change(toTyped(read)); // shows how it was understood
    left();
  };
  return (
    <div className={`${styles["box"]}${problem === undefined ? "" : ` ${styles["wrong"]}`}`} data-part="box">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        inputMode="decimal"
        value={value}
        placeholder="0"
        aria-invalid={problem !== undefined}
        aria-describedby={problem}
        onChange={(event) => change(event.target.value)}
        onKeyDown={steer}
        onBlur={leave}
      />
      <span aria-hidden="true">{unit}</span>
    </div>
  );
}
