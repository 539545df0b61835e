/** Tabs by the book: arrows move between them, Tab leaves them for the panel. */
import { useId, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import styles from "./Tabs.module.css";

interface TabsProps<T extends string> {
  label: string;
  tabs: readonly T[];
  chosen: T;
  choose: (tab: T) => void;
  /** Beside the tabs. */
  tools?: ReactNode;
  children: ReactNode;
}

export function Tabs<T extends string>({ label, tabs, chosen, choose, tools, children }: TabsProps<T>): ReactElement {
  const id = useId();
  const steer = (event: KeyboardEvent<HTMLDivElement>): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    const next = (tabs.indexOf(chosen) + by + tabs.length) % tabs.length;
    choose(tabs[next] as T);
    event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <section className="panel" aria-label={label}>
      <div className={styles["head"]}>
        <div className={styles["tabs"]} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={steer}>
          {tabs.map((tab) => (
            <button
              key={tab}
              type="button"
              role="tab"
              id={`${id}${tab}`}
              aria-selected={tab === chosen}
              aria-controls={`${id}panel`}
              tabIndex={tab === chosen ? 0 : -1}
              onClick={() => choose(tab)}
            >
              {tab}
            </button>
          ))}
        </div>
        {tools}
      </div>
      <div id={`${id}panel`} className={styles["body"]} role="tabpanel" aria-labelledby={`${id}${chosen}`} tabIndex={0}>
        {children}
      </div>
    </section>
  );
}
