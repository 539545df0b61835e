/** The corner where toasts appear; screen readers announce them as they come. */
import type { ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./Toaster.module.css";

export function Toaster(): ReactElement {
  const { toasts } = useVenue();
  const shown = useStore(toasts.store);
  return (
    <section className={styles["toaster"]} aria-label="Messages" aria-live="polite" aria-relevant="additions">
      {shown.map((toast) => (
        <div
          key={toast.id}
          className={`${styles["toast"]} ${styles[toast.tone] ?? ""}`}
          data-testid="toast"
          onPointerEnter={() => toasts.pause(toast.id)}
          onPointerLeave={() => toasts.resume(toast.id, toast.tone)}
        >
          <div>
            <b>{toast.title}</b>
            <p>{toast.text}</p>
          </div>
          <button type="button" aria-label="Dismiss" onClick={() => toasts.dismiss(toast.id)}>
            ×
          </button>
        </div>
      ))}
    </section>
  );
}
