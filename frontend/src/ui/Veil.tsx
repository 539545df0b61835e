/** Covers data that is not current, and says why. */
import type { ReactElement } from "react";

export function Veil({ isShown, text }: { isShown: boolean; text: string }): ReactElement | null {
  if (!isShown) return null;
  return (
    <div className="veil" role="status">
      <span className="spinner" aria-hidden="true" />
      {text}
    </div>
  );
}
