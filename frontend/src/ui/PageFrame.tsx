/** What every route but the market's has in common: its name as title and heading, and a column of panels. */
import { useEffect, type ReactElement, type ReactNode } from "react";
import styles from "./PageFrame.module.css";

export function PageFrame({ title, children }: { title: string; children: ReactNode }): ReactElement {
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <main className={styles["frame"]}>
      <h1>{title}</h1>
      {children}
    </main>
  );
}
