/** A text field for an exact decimal: arrow keys step it, and a problem is tied to it for screen readers. */
import { useId, type KeyboardEvent, type ReactElement } from "react";
import { ceilTo, floorTo, toText, tryParse } from "../decimal/decimal";

export interface DecimalFieldProps {
  label: string;
  unit: string;
  value: string;
  step: bigint;
  problem: string | undefined;
  change: (text: string) => void;
  left: () => unknown;
}

const ALLOWED = /^\d*\.?\d*$/;

/** The next multiple of the step above or below, never under one step. */
export function stepped(text: string, step: bigint, by: 1 | -1): string {
  const value = tryParse(text) ?? 0n;
  const next = by === 1 ? floorTo(value, step) + step : ceilTo(value, step) - step;
  return toText(next < step ? step : next);
}

/** What people paste: "1,234.5 " is 1234.5. A comma alone is read as a thousands separator, never as a decimal point. */
export function cleaned(text: string): string | null {
  const plain = text.replaceAll(/[\s,]/g, "");
  return ALLOWED.test(plain) ? plain : null;
}

export function DecimalField({ label, unit, value, step, problem, change, left }: DecimalFieldProps): ReactElement {
  const id = useId();
  const steer = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    change(stepped(value, step, event.key === "ArrowUp" ? 1 : -1));
  };
  return (
    <div className={`field${problem ? " wrong" : ""}`}>
      <div className="box">
        <label htmlFor={id}>{label}</label>
        <input
          id={id}
          inputMode="decimal"
          value={value}
          placeholder="0"
          aria-invalid={problem !== undefined}
          aria-describedby={problem ? `${id}problem` : undefined}
          onChange={(event) => {
            const text = cleaned(event.target.value);
            if (text !== null) change(text);
          }}
          onKeyDown={steer}
          onBlur={left}
        />
        <span className="unit" aria-hidden="true">
          {unit}
        </span>
      </div>
      {problem && (
        <p id={`${id}problem`} className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
