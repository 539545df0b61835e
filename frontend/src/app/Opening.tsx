/** Before the first answer of the exchange. */
import type { ReactElement } from "react";
import { Notice } from "../ui/Notice";

export function Opening(): ReactElement {
  return (
    <Notice role="status">
      <span className="spinner" aria-hidden="true" />
      Waiting for the exchange…
    </Notice>
  );
}
