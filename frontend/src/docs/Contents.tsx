/** Where one can go on this page, and the documents that machines read. */
import type { ReactElement } from "react";
import style from "./docs.module.css";

const SECTIONS: readonly [id: string, title: string][] = [
  ["start", "Getting started"],
  ["signing", "Signing"],
  ["orders", "Orders"],
  ["routes", "Routes"],
  ["errors", "Errors"],
  ["limits", "Rate limits"],
  ["streams", "Streams"],
  ["order-entry", "Order entry by WebSocket"],
  ["empty", "Always empty"],
];
const ELSEWHERE: readonly [path: string, title: string][] = [
  ["/docs/reference", "Interactive reference"],
  ["/openapi.json", "openapi.json"],
  ["/asyncapi.json", "asyncapi.json"],
];

export function Contents(): ReactElement {
  return (
    <nav className={style["contents"]} aria-label="Contents">
      {SECTIONS.map(([id, title]) => (
        <a key={id} href={`#${id}`}>
          {title}
        </a>
      ))}
      <hr />
      {ELSEWHERE.map(([path, title]) => (
        <a key={path} href={path}>
          {title}
        </a>
      ))}
    </nav>
  );
}
