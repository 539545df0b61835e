/** The book's depth as two curves, drawn at the pace of people, with the totals where one points. */
import { useState, type PointerEvent, type ReactElement } from "react";
import { depthCurve, type DepthCurve, type DepthPoint } from "../book/depthCurve";
import { compact, fixed } from "../decimal/format";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./Depth.module.css";

const [WIDTH, HEIGHT] = [1000, 400];

/** Steps: between two levels the total stays. */
function path(points: readonly DepthPoint[], end: number): string {
  const [first] = points;
  if (!first) return "";
  const steps = points.map(({ x, y }, index) => {
    const next = points[index + 1]?.x ?? end;
    return `V${HEIGHT * (1 - y * 0.95)}H${x * WIDTH}H${next * WIDTH}`;
  });
  return `M${first.x * WIDTH} ${HEIGHT}${steps.join("")}V${HEIGHT}Z`;
}

export function Depth({ market }: { market: Market }): ReactElement {
  const { book } = useVenue();
  useStore(book.touch); // a few times a second: nobody reads curves sixty times
  const curve = book.symbol === market.symbol && book.live ? depthCurve(book.live) : null;
  const [at, setAt] = useState<number | null>(null);
  const point = (event: PointerEvent<SVGSVGElement>): void => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    setAt((event.clientX - left) / width);
  };
  if (!curve) return <p className="nothing">The book has no two sides now</p>;
  const words = (side: "Bids" | "Asks", one: DepthPoint | undefined): string =>
    one ? `${side} ${compact(one.total)} ${market.base} to ${fixed(one.price, market.priceDecimals)}` : `No ${side.toLowerCase()}`;
  const pointed = at === null ? null : pointedAt(curve, at);
  return (
    <div className={styles["depth"]}>
      <p className={styles["words"]}>{pointed ?? `${words("Bids", curve.bids.at(-1))} · ${words("Asks", curve.asks.at(-1))}`}</p>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Depth of ${market.symbol}: ${words("Bids", curve.bids.at(-1))}; ${words("Asks", curve.asks.at(-1))}`}
        onPointerMove={point}
        onPointerLeave={() => setAt(null)}
      >
        <path className={styles["bids"]} d={path(curve.bids, 0)} />
        <path className={styles["asks"]} d={path(curve.asks, 1)} />
        {at !== null && <line className={styles["pointer"]} x1={at * WIDTH} x2={at * WIDTH} y1={0} y2={HEIGHT} />}
      </svg>
      <p className={styles["axis"]} aria-hidden="true">
        {[curve.lowest, (curve.lowest + curve.highest) / 2n, curve.highest].map((price) => (
          <span key={String(price)}>{fixed(price, market.priceDecimals)}</span>
        ))}
      </p>
    </div>
  );

  function pointedAt({ bids, asks }: DepthCurve, x: number): string {
    const bid = bids.findLast((each) => each.x >= x);
    const ask = asks.findLast((each) => each.x <= x);
    if (bid) return words("Bids", bid);
    return ask ? words("Asks", ask) : "Between the best prices";
  }
}
