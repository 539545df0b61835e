import type { ReactElement } from "react";
import { Link } from "wouter";
import { useStore } from "../reactive/useStore";
import { colours, switchColours } from "../ui/colours";

export function Footer(): ReactElement {
  const chosen = useStore(colours);
  return (
    <footer className="bottom">
      <span>
        Charts by{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer noopener" target="_blank">
          TradingView Lightweight Charts™
        </a>
      </span>
      <span className="keys">
        <kbd>/</kbd> or <kbd>Ctrl K</kbd> markets · <kbd>↑</kbd> <kbd>↓</kbd> step a price · <kbd>Enter</kbd> send
      </span>
      <Link href="/status">Status</Link>
      <button type="button" className="colours" onClick={switchColours}>
        {chosen === "dark" ? "Light colours" : "Dark colours"}
      </button>
    </footer>
  );
}
