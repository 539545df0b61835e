/** The drawing of one market and interval: mounted again for each, by its `key`. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { Candles, type Candle } from "../model/candles";
import type { Interval } from "../model/intervals";
import type { Market } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { drawn } from "../ui/colours";
import { useVenue } from "../ui/useVenue";
import { Drawing } from "./drawing";
import { fillMarks } from "./fillMarks";
import type { Indicator } from "./indicators";
import { Keyboard } from "./Keyboard";
import { Legend } from "./Legend";
import { moveOrders } from "./moving";
import { orderLines } from "./orderLines";
import { readTheme } from "./theme";

interface CanvasProps {
  market: Market;
  interval: Interval;
  studies: ReadonlySet<Indicator>;
}

export function Canvas({ market, interval, studies }: CanvasProps): ReactElement {
  const venue = useVenue();
  const container = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Candle | null>(null);
  const [isAtNow, setAtNow] = useState(true);
  const [isEmpty, setEmpty] = useState(false);
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  const orders = useStore(venue.account.orders);
  const fills = useStore(venue.account.fills);

  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const made = new Drawing(element, readTheme(element), interval, market.priceDecimals);
    made.pointed = setPointed;
    made.scrolled = setAtNow;
    made.filled = setEmpty;
    made.orders.moved = (line, price) => void moveOrders(venue, market, line, price).then((isMoved) => isMoved || made.orders.redraw());
    const candles = new Candles(venue.feed, market.symbol, interval, made);
    made.reachedLeftEnd = () => void candles.loadOlder();
    const stopRecolouring = drawn.subscribe(() => made.recolour(readTheme(element)));
    setDrawing(made);
    return () => {
      stopRecolouring();
      candles.stop();
      made.remove();
      setDrawing(null);
    };
  }, [venue, market, interval]);

  useEffect(() => drawing?.orders.draw(orderLines(orders.values(), market), market.tick), [drawing, orders, market]);
  useEffect(() => drawing?.drawFills(fillMarks(fills, market, interval.seconds)), [drawing, fills, market, interval]);
  useEffect(() => drawing?.study(studies), [drawing, studies]);

  return (
    <>
      <Legend candle={pointed} market={market} />
      <div className="chart-body">
        <Keyboard drawing={drawing} market={market} name={`Candles of ${market.symbol}, ${interval.label}`}>
          <div ref={container} className="chart-canvas" />
        </Keyboard>
        {isEmpty && <p className="chart-empty">Nothing has been traded in this market yet</p>}
        {!isAtNow && (
          <button type="button" className="small now" onClick={() => drawing?.now()}>
            Now
          </button>
        )}
      </div>
    </>
  );
}
