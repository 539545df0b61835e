/** The pages: beside the logo, or behind a button before it where there is no room for them, with what else stands there then. */
import { useRef, type ReactElement, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import styles from "./Menu.module.css";
import { NAVIGATION } from "./routes";

export function Menu({ brand, children }: { brand: ReactNode; children: ReactNode }): ReactElement {
  const [path] = useLocation();
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  // Before what was chosen opens a dialog, so that this gives the focus back to the button, which is still to be seen.
  const hide = (): void => {
    if (!menu.current?.matches(":popover-open")) return;
    menu.current.hidePopover();
    button.current?.focus();
  };
  return (
    <>
      <button ref={button} type="button" className={styles["button"]} popoverTarget="pages" aria-label="Menu">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <path d="M1 3h14M1 8h14M1 13h14" />
        </svg>
      </button>
      {brand}
      <div ref={menu} id="pages" popover="auto" className={styles["menu"]} onClickCapture={hide}>
        <nav aria-label="Pages">
          {NAVIGATION.map((page) => (
            <Link key={page.path} href={page.path} aria-current={path.startsWith(page.path) ? "page" : undefined}>
              {page.label}
            </Link>
          ))}
        </nav>
        {children}
      </div>
    </>
  );
}
