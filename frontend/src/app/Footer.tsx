import type { ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { colours, switchColours } from "../ui/colours";
import styles from "./Footer.module.css";

export function Footer(): ReactElement {
  const chosen = useStore(colours);
  return (
    <footer className={styles["bottom"]}>
      <span>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </span>
      <span className={styles["keys"]}>
        <kbd>/</kbd> or <kbd>Ctrl K</kbd> markets · <kbd>↑</kbd> <kbd>↓</kbd> step a price · <kbd>Enter</kbd> send
      </span>
      <button type="button" className={styles["colours"]} onClick={switchColours}>
        {chosen === "dark" ? "Light colours" : "Dark colours"}
      </button>
    </footer>
  );
}
