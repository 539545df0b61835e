/** The drawing of one market and interval: mounted again for each, by its `key`. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { Candles } from "../model/market/candles";
import type { Interval } from "../model/market/intervals";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { drawn } from "../ui/colours";
import { useVenue } from "../ui/useVenue";
import { Drawing, type Reading } from "./drawing";
import { Edges } from "./Edges";
import { fillMarks } from "./fillMarks";
import { RSI_BARS, type Indicator } from "./indicators";
import { Keyboard } from "./Keyboard";
import { Legend } from "./Legend";
import { moveOrders } from "./moving";
import { orderLines } from "./orderLines";
import { NOTHING_BEYOND } from "./orderScale";
import { readTheme } from "./theme";
import styles from "./chart.module.css";

const RSI_NEEDS = `RSI begins with the bar after the first ${RSI_BARS}`;

interface CanvasProps {
  market: Market;
  interval: Interval;
  studies: ReadonlySet<Indicator>;
}

export function Canvas({ market, interval, studies }: CanvasProps): ReactElement {
  const venue = useVenue();
  const container = useRef<HTMLDivElement>(null);
  const [reading, setReading] = useState<Reading | null>(null);
  const [isAtNow, setAtNow] = useState(true);
  const [isEmpty, setEmpty] = useState(false);
  const [isAwaited, setAwaited] = useState(false);
  const [beyond, setBeyond] = useState(NOTHING_BEYOND);
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  const orders = useStore(venue.account.orders);
  const fills = useStore(venue.account.fills);
  // The drawing is of a symbol, not of the rules that the market has at the moment: others must not make another one.
  const rules = useRef(market);
  useEffect(() => {
    rules.current = market;
  }, [market]);

  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const { symbol, priceDecimals } = rules.current;
    const made = new Drawing(element, readTheme(element), interval, priceDecimals);
    made.pointed = setReading;
    made.scrolled = setAtNow;
    made.filled = setEmpty;
    made.awaited = setAwaited;
    made.orders.hidden = setBeyond;
    made.orders.moved = (line, price) => void moveOrders(venue, rules.current, line, price).then((isMoved) => isMoved || made.orders.redraw());
    const candles = new Candles(venue.feed, symbol, interval, made);
    made.reachedLeftEnd = () => void candles.loadOlder();
    const stopRecolouring = drawn.subscribe(() => made.recolour(readTheme(element)));
    setDrawing(made);
    return () => {
      stopRecolouring();
      candles.stop();
      made.remove();
      setDrawing(null);
    };
  }, [venue, interval]);

  useEffect(() => drawing?.orders.draw(orderLines(orders.values(), market), market.tick), [drawing, orders, market]);
  useEffect(() => drawing?.drawFills(fillMarks(fills, market, interval.seconds)), [drawing, fills, market, interval]);
  useEffect(() => drawing?.study(studies), [drawing, studies]);

  return (
    <>
      <Legend reading={reading} market={market} />
      <div className={`${styles["body"]}${studies.has("RSI") ? ` ${styles["oscillator"]}` : ""}`}>
        <Keyboard drawing={drawing} market={market} name={`Candles of ${market.symbol}, ${interval.label}`}>
          <div ref={container} className={styles["canvas"]} data-part="canvas" />
        </Keyboard>
        <Edges beyond={beyond} market={market} />
        {isAwaited && <p className={styles["awaited"]}>{RSI_NEEDS}</p>}
        {isEmpty && <p className={styles["empty"]}>Nothing has been traded in this market yet</p>}
        {!isAtNow && (
          <button type="button" className={`small ${styles["now"]}`} onClick={() => drawing?.now()}>
            Now
          </button>
        )}
      </div>
    </>
  );
}
