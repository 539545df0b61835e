/** A table that scrolls by itself where the page is narrow, by keyboard too. */
import type { ReactElement, ReactNode } from "react";
import style from "./docs.module.css";

export function Table({ head, label, children }: { head: readonly string[]; label?: string; children: ReactNode }): ReactElement {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reachable
    <div className={style["scroll"]} role="group" aria-label={label ?? head.join(", ")} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {head.map((each) => (
              <th key={each} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
