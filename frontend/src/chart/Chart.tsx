/** The chart panel: interval selector, the values of one candle in text, and the drawing. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { parse, toText } from "../decimal/decimal";
import { change, compact, fixed, trimmed } from "../decimal/format";
import { Candles, fittingInterval, type Candle } from "../model/candles";
import { INTERVALS, type Interval } from "../model/intervals";
import type { Market } from "../model/markets";
import type { Orders } from "../model/orders";
import { useStore } from "../reactive/useStore";
import { colours } from "../ui/colours";
import { useVenue } from "../ui/useVenue";
import { Drawing, type OrderLine } from "./drawing";
import { readTheme } from "./theme";
import "./chart.css";

const REMEMBERED = "chart.interval";

function rememberedInterval(): Interval | null {
  const name = localStorage.getItem(REMEMBERED);
  return INTERVALS.find((interval) => interval.name === name) ?? null;
}

/** Until the reader chooses: minutes, or seconds where the market is too young to fill a chart of minutes. */
function useFittingInterval(symbol: string, isWanted: boolean): Interval | null {
  const [fitting, setFitting] = useState<Interval | null>(null);
  useEffect(() => {
    if (!isWanted) return undefined;
    let isStopped = false;
    void fittingInterval(symbol).then((interval) => isStopped || setFitting(interval));
    return () => {
      isStopped = true;
    };
  }, [symbol, isWanted]);
  return fitting;
}

function orderLines(orders: Orders, market: Market): OrderLine[] {
  return [...orders.values()].flatMap((order) => {
    if (order.symbol !== market.symbol || order.price === null) return [];
    const left = trimmed(order.quantity - order.executed, 0, market.quantityDecimals);
    const isBid = order.side === "Bid";
    return [{ id: order.id, price: toText(order.price), title: `${isBid ? "Buy" : "Sell"} ${left}`, isBid }];
  });
}

export function Chart({ market }: { market: Market }): ReactElement {
  const [chosen, setChosen] = useState(rememberedInterval);
  const fitting = useFittingInterval(market.symbol, chosen === null);
  const interval = chosen ?? fitting;
  const choose = (wanted: Interval): void => {
    localStorage.setItem(REMEMBERED, wanted.name);
    setChosen(wanted);
  };
  return (
    <section className="panel chart" aria-label="Price chart">
      <div className="panel-head">
        <div className="choices" role="group" aria-label="Candle interval">
          {INTERVALS.map((each) => (
            <button key={each.name} type="button" aria-pressed={each === interval} onClick={() => choose(each)}>
              {each.label}
            </button>
          ))}
        </div>
      </div>
      {interval && <Canvas key={`${market.symbol} ${interval.name}`} market={market} interval={interval} />}
    </section>
  );
}

/** Mounted again for each market and interval, by its `key`. */
function Canvas({ market, interval }: { market: Market; interval: Interval }): ReactElement {
  const { feed, account } = useVenue();
  const container = useRef<HTMLDivElement>(null);
  const [pointed, setPointed] = useState<Candle | null>(null);
  const [drawing, setDrawing] = useState<Drawing | null>(null);
  const orders = useStore(account.orders);

  useEffect(() => {
    const element = container.current;
    if (!element) return undefined;
    const made = new Drawing(element, readTheme(element), interval, market.priceDecimals);
    const candles = new Candles(feed, market.symbol, interval, made);
    made.pointed = setPointed;
    made.reachedLeftEnd = () => void candles.loadOlder();
    const stopRecolouring = colours.subscribe(() => made.recolour(readTheme(element)));
    setDrawing(made);
    return () => {
      stopRecolouring();
      candles.stop();
      made.remove();
      setDrawing(null);
    };
  }, [feed, market, interval]);

  useEffect(() => drawing?.drawOrders(orderLines(orders, market)), [drawing, orders, market]);

  return (
    <div className="chart-body">
      <Legend candle={pointed} market={market} />
      <div ref={container} className="chart-canvas" role="img" aria-label={`Candles of ${market.symbol}, ${interval.label}`} />
    </div>
  );
}

function Legend({ candle, market }: { candle: Candle | null; market: Market }): ReactElement | null {
  if (!candle) return null;
  const [open, high, low, close] = [candle.open, candle.high, candle.low, candle.close].map(parse) as [bigint, bigint, bigint, bigint];
  const tone = close >= open ? "up" : "down";
  const price = (value: bigint): string => fixed(value, market.priceDecimals);
  return (
    <dl className={`legend ${tone}`}>
      {[["O", price(open)], ["H", price(high)], ["L", price(low)], ["C", price(close)]].map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <div>
        <dd>{change(open, close)}</dd>
      </div>
      <div>
        <dt>Vol</dt>
        <dd>{compact(parse(candle.volume))}</dd>
      </div>
    </dl>
  );
}
