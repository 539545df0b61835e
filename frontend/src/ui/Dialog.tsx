/** A native modal dialog: the browser keeps the focus in it; Escape or a click outside closes it. */
import { useEffect, useRef, type ReactElement, type ReactNode } from "react";
import styles from "./Dialog.module.css";
import forms from "./form.module.css";

export function Dialog({ title, close, children }: { title: string; close: () => void; children: ReactNode }): ReactElement {
  const element = useRef<HTMLDialogElement>(null);
  const isOver = useRef(false);
  useEffect(() => {
    element.current?.showModal();
  }, []);
  // Not by the browser's "close" event: it comes late, and would close what has been opened again meanwhile.
  const end = (): void => {
    if (isOver.current) return;
    isOver.current = true;
    element.current?.close(); // which gives back the focus
    close();
  };
  return (
    <dialog
      ref={element}
      className={styles["dialog"]}
      aria-label={title}
      onCancel={(event) => {
        event.preventDefault();
        end();
      }}
      onClose={end}
      onPointerDown={(event) => {
        if (event.target === element.current) end();
      }}
    >
      <div className={styles["body"]}>
        <div className={styles["head"]}>
          <h2>{title}</h2>
          <button type="button" className={forms["quiet"]} aria-label="Close" onClick={end}>
            ×
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}

/** As the ref of an element in a dialog: it has the focus when the dialog opens. (React's autoFocus sets no attribute.) */
export function firstFocused(element: HTMLElement | null): void {
  element?.setAttribute("autofocus", "");
}
