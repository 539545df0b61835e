/** A section of the page, and the prose of docs/api.md, which was made into HTML when the page was built. */
import guide from "virtual:guide";
import type { ReactElement, ReactNode } from "react";
import { atOrigin } from "./reading";
import style from "./docs.module.css";

export function Section({ id, title, children }: { id: string; title: string; children: ReactNode }): ReactElement {
  return (
    <section id={id} aria-labelledby={`${id}-title`} className={style["section"]}>
      <h2 id={`${id}-title`}>{title}</h2>
      {children}
    </section>
  );
}

export function Prose({ title }: { title: string }): ReactElement {
  // oxlint-disable-next-line react/no-danger -- our own document, as it was when the page was built
  return <div className={style["prose"]} dangerouslySetInnerHTML={{ __html: atOrigin(guide[title] ?? "", location.origin) }} />;
}

/** Wide lines scroll by themselves, by keyboard too, instead of widening the page. */
export function Example({ label, text, wraps = false }: { label: string; text: string; wraps?: boolean }): ReactElement {
  return (
    <figure className={style["example"]}>
      <figcaption>{label}</figcaption>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reachable */}
      <pre role="group" aria-label={label} tabIndex={0} data-wraps={wraps}>
        {text}
      </pre>
    </figure>
  );
}
