/** What else can be done with an order, behind one button at the end of its row. */
import { useEffect, useId, useRef, type KeyboardEvent, type ReactElement } from "react";
import styles from "./menu.module.css";

export interface Choice {
  name: string;
  act: () => void;
  /** Why it cannot be done; undefined if it can. */
  whyNot?: string | undefined;
}

export function RowMenu({ name, choices }: { name: string; choices: readonly Choice[] }): ReactElement {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = menu.current;
    const place = (event: ToggleEvent): void => {
      if (event.newState !== "open" || !element || !button.current) return;
      const at = button.current.getBoundingClientRect();
      const isRoom = innerHeight - at.bottom > element.offsetHeight;
      element.style.left = `${Math.max(4, at.right - element.offsetWidth)}px`;
      element.style.top = `${isRoom ? at.bottom : at.top - element.offsetHeight}px`;
      element.querySelector<HTMLElement>("button:not(:disabled)")?.focus();
    };
    element?.addEventListener("toggle", place);
    return () => element?.removeEventListener("toggle", place);
  }, []);
  const steer = (event: KeyboardEvent<HTMLDivElement>): void => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    event.preventDefault();
    const items = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled)")];
    const at = items.indexOf(document.activeElement as HTMLElement);
    items.at((at + (event.key === "ArrowDown" ? 1 : -1)) % items.length)?.focus();
  };
  return (
    <>
      <button ref={button} type="button" className="small" aria-haspopup="menu" aria-label={name} popoverTarget={id}>
        ⋯
      </button>
      <div ref={menu} id={id} popover="auto" role="menu" aria-label={name} className={styles["menu"]} tabIndex={-1} onKeyDown={steer}>
        {choices.map(({ name: text, act, whyNot }) => (
          <button
            key={text}
            type="button"
            role="menuitem"
            disabled={whyNot !== undefined}
            title={whyNot}
            onClick={() => {
              menu.current?.hidePopover();
              act();
            }}
          >
            {text}
          </button>
        ))}
      </div>
    </>
  );
}
