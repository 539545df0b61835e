/** The panels of one market. Which are in sight follows from the width, and on narrow screens from a choice. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { Assets } from "../account/Assets";
import { Ledger } from "../app/Ledger";
import { Ladder } from "../book/Ladder";
import { Chart } from "../chart/Chart";
import type { Market } from "../model/market/markets";
import { OrderForm } from "../ticket/OrderForm";
import { Tape } from "../tape/Tape";
import { Resizer, rememberedHeight } from "./Resizer";
import { Sheet } from "./Sheet";
import styles from "./trade.module.css";

/** A phone shows one of them; where there is room for a column of the book, the two in the middle share it. */
const VIEWS = ["Chart", "Book", "Trades", "Orders"] as const;
const COLUMN = ["Book", "Trades"] as const;
type View = (typeof VIEWS)[number];

export function Trade({ market }: { market: Market }): ReactElement {
  const [view, setView] = useState<View>("Chart");
  const frame = useRef<HTMLElement>(null);
  const [height, setHeight] = useState(rememberedHeight);
  useEffect(() => {
    if (height === null) frame.current?.style.removeProperty("--ledger");
    else frame.current?.style.setProperty("--ledger", `${height}px`);
  }, [height]);
  const column = view === "Trades" ? "Trades" : "Book";
  return (
    <main ref={frame} className={`${styles["trade"]} ${styles[view]}${height === null ? "" : ` ${styles["resized"]}`}`}>
      <div className={styles["strip"]}>
        <Views name="Market view" views={VIEWS} shown={view} show={setView} />
      </div>
      <div className={styles["chart"]}>
        <Chart market={market} />
      </div>
      <div className={styles["column"]}>
        <Views name="Book or trades" views={COLUMN} shown={column} show={setView} />
        <div className={styles["book"]}>
          <Ladder key={`ladder ${market.symbol}`} market={market} />
        </div>
        <div className={styles["tape"]}>
          <Tape market={market} />
        </div>
      </div>
      <Sheet market={market}>
        <div className={styles["form"]}>
          <OrderForm key={`form ${market.symbol}`} market={market} />
        </div>
        <div className={styles["assets"]}>
          <Assets market={market} />
        </div>
      </Sheet>
      <div className={styles["lower"]} data-part="lower">
        <Resizer height={height} resize={setHeight} />
        <Ledger market={market} />
      </div>
    </main>
  );
}

interface ViewsProps<V extends View> {
  name: string;
  views: readonly V[];
  shown: V;
  show: (view: V) => void;
}

function Views<V extends View>({ name, views, shown, show }: ViewsProps<V>): ReactElement {
  return (
    <div className={`choices ${styles["views"]}`} role="group" aria-label={name}>
      {views.map((each) => (
        <button key={each} type="button" aria-pressed={each === shown} onClick={() => show(each)}>
          {each}
        </button>
      ))}
    </div>
  );
}
