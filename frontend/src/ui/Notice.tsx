/** What stands in the place of a route that cannot be shown, or not yet. */
import type { ReactElement, ReactNode } from "react";
import styles from "./Notice.module.css";

interface NoticeProps {
  title?: string;
  role?: "alert" | "status";
  children: ReactNode;
}

export function Notice({ title, role, children }: NoticeProps): ReactElement {
  return (
    <main className={styles["notice"]} role={role}>
      {title !== undefined && <h1>{title}</h1>}
      {children}
    </main>
  );
}
