import { useId, type ReactElement, type ReactNode } from "react";
import styles from "./settings.module.css";

export function Section({ title, children }: { title: string; children: ReactNode }): ReactElement {
  const id = useId();
  return (
    <section className={`panel ${styles["section"]}`} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div className={styles["body"]}>{children}</div>
    </section>
  );
}
