/** The ticket: a column of its own where there is room, else a sheet over the page that Buy and Sell open. */
import { useEffect, useRef, useState, type KeyboardEvent, type ReactElement, type ReactNode } from "react";
import type { Side } from "../api/types";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./trade.module.css";

export function Sheet({ market, children }: { market: Market; children: ReactNode }): ReactElement {
  const { picked } = useVenue();
  const [isOpen, setOpen] = useState(false);
  const close = useRef<HTMLButtonElement>(null);
  const latest = useStore(picked);
  const [seen, setSeen] = useState(latest);
  if (latest !== seen) {
    setSeen(latest);
    if (latest !== null) setOpen(true); // a price was taken from the book: for the form, which must be in sight
  }
  useEffect(() => {
    if (isOpen && close.current?.checkVisibility()) close.current.focus();
  }, [isOpen]);
  const open = (side: Side): void => {
    picked.set({ price: null, side });
    setOpen(true);
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Escape") setOpen(false);
  };
  return (
    <>
      <div className={isOpen ? `${styles["ticket"]} ${styles["open"]}` : styles["ticket"]} onKeyDown={key} role="presentation">
        <button ref={close} type="button" className={styles["close"]} onClick={() => setOpen(false)}>
          Close the order form
        </button>
        {children}
      </div>
      <div className={styles["bar"]} role="group" aria-label={`Trade ${market.base}`}>
        <button type="button" className={styles["buy"]} onClick={() => open("Bid")}>
          Buy
        </button>
        <button type="button" className={styles["sell"]} onClick={() => open("Ask")}>
          Sell
        </button>
      </div>
    </>
  );
}
