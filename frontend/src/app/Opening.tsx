/** Before the first answer of the exchange. */
import type { ReactElement } from "react";

export function Opening(): ReactElement {
  return (
    <main className="opening" role="status">
      <span className="spinner" aria-hidden="true" />
      Waiting for the exchange…
    </main>
  );
}
