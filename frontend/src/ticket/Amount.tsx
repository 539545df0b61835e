/** A number in a table: exact where it has room, else its magnitude, with the exact one where one points. */
import type { ReactElement } from "react";
import { short } from "../decimal/format";

interface AmountProps {
  value: bigint;
  exact: string;
  unit?: string;
  /** In characters, where there is less than usual. */
  room?: number;
}

export function Amount({ value, exact, unit, room }: AmountProps): ReactElement {
  const shown = short(value, exact, room);
  const text = unit === undefined ? exact : `${exact} ${unit}`;
  return (
    <span {...(shown === exact ? {} : { title: text })}>
      {shown}
      {unit !== undefined && <small> {unit}</small>}
    </span>
  );
}
