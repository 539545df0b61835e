/** A number that has so much room: exact, or marked as short for the exact one, which is shown where one points. */
import type { ReactElement } from "react";
import { short } from "../decimal/format";
import styles from "./Amount.module.css";

interface AmountProps {
  value: bigint;
  exact: string;
  unit?: string;
  /** In characters, where there is less or more than usual. */
  room?: number;
}

export function Amount({ value, exact, unit, room }: AmountProps): ReactElement {
  const shown = short(value, exact, room);
  const text = unit === undefined ? exact : `${exact} ${unit}`;
  return (
    <span {...(shown === exact ? {} : { title: text, className: styles["short"] })}>
      {shown}
      {unit !== undefined && <small> {unit}</small>}
    </span>
  );
}
