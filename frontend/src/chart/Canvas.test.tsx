// @vitest-environment happy-dom
import { act } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { parse } from "../decimal/decimal";
import { INTERVALS, type Interval } from "../model/market/intervals";
import type { Market } from "../model/market/markets";
import { Venue } from "../model/venue";
import { VenueContext } from "../ui/useVenue";
import { Canvas } from "./Canvas";
import type { Reading } from "./drawing";
import type { Beyond } from "./orderScale";

(globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;

/** In the library's place, which draws on a canvas: notes what is asked of it, and whether that is after its end. */
const made = vi.hoisted(() => [] as FakeDrawing[]);
interface FakeDrawing {
  calls: string[];
  isRemoved: boolean;
  pointed: (reading: Reading | null) => void;
  awaited: (isEmpty: boolean) => void;
  orders: { hidden: (beyond: Beyond) => void };
}
vi.mock("../model/market/candles", () => ({ Candles: class { stop(): void {} } }));
vi.mock("./drawing", () => ({
  tone: () => "up",
  Drawing: class {
    calls: string[] = [];
    isRemoved = false;
    pointed = (): void => {};
    awaited = (): void => {};
    orders = { draw: () => this.note("orders"), redraw: () => this.note("orders"), hidden: () => {} };
    constructor() {
      made.push(this);
    }
    note(what: string): void {
      this.calls.push(this.isRemoved ? `${what}, too late` : what);
    }
    drawFills(): void {
      this.note("fills");
    }
    study(): void {
      this.note("indicators");
    }
    recolour(): void {}
    remove(): void {
      this.isRemoved = true;
    }
  },
}));

const market = { symbol: "SOL_USDC", base: "SOL", quote: "USDC", state: "Open", tick: parse("0.01"), priceDecimals: 2, quantityDecimals: 2 } as Market;
let [root, host]: [Root, HTMLElement] = [null as unknown as Root, null as unknown as HTMLElement];
const venue = new Venue();

const draw = (rules: Market): Promise<void> =>
  act(async () =>
    root.render(
      <VenueContext.Provider value={venue}>
        <Canvas market={rules} interval={INTERVALS[0] as Interval} studies={new Set()} />
      </VenueContext.Provider>,
    ),
  );

beforeEach(() => {
  made.length = 0;
  host = document.createElement("div");
  root = createRoot(host);
});
afterEach(() => act(async () => root.unmount()));

it("keeps its drawing when the market has other rules, and never draws on one that has ended", async () => {
  await draw(market);
  expect(made).toHaveLength(1);
  await draw({ ...market, state: "Closed" });
  expect(made).toHaveLength(1);
  await act(async () => root.render(null));
  expect(made[0]?.isRemoved).toBe(true);
  expect(made[0]?.calls).toContain("orders");
  expect(made[0]?.calls.filter((call) => call.endsWith("too late"))).toEqual([]);
});

it("says what the indicators say of the bar, and which own orders are out of sight", async () => {
  await draw(market);
  const candle = { time: 0, open: "1", high: "2", low: "1", close: "2", volume: "3" } as Reading["candle"];
  const line = { key: "", title: "Sell 2", price: parse("165"), side: "Ask" as const, orders: [], isTrigger: false };
  await act(async () => {
    made[0]?.pointed({ candle, studies: [["MA", 1.234], ["RSI", 61.26], ["EMA", null]] });
    made[0]?.orders.hidden({ above: [line, line], below: [] });
  });
  const texts = [...host.querySelectorAll("[aria-label='Indicators of the bar'] > div")].map((each) => each.textContent);
  expect(texts).toEqual(["MA 201.23", "RSI 1461.3", "EMA 20\u2013"]);
  expect(host.querySelector("[aria-label='Own orders above the chart']")?.textContent).toBe("▲ Sell 2 at 165.00, 1 more");
  expect(host.querySelector("[aria-label='Own orders below the chart']")).toBeNull();
});

it("says why there is no oscillator yet", async () => {
  await draw(market);
  await act(async () => made[0]?.awaited(true));
  expect(host.textContent).toContain("RSI begins with the bar after the first 14");
  await act(async () => made[0]?.awaited(false));
  expect(host.textContent).not.toContain("RSI");
});
