/** A number in a table: exact where it has room, else its magnitude, with the exact one where one points. */
import type { ReactElement } from "react";
import { short } from "../decimal/format";

export function Amount({ value, exact, unit }: { value: bigint; exact: string; unit?: string }): ReactElement {
  const shown = short(value, exact);
  const text = unit === undefined ? exact : `${exact} ${unit}`;
  return (
    <span {...(shown === exact ? {} : { title: text })}>
      {shown}
      {unit !== undefined && <small> {unit}</small>}
    </span>
  );
}
