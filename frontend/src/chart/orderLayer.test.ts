// @vitest-environment happy-dom
import { expect, test } from "vitest";
import type { IChartApi, ISeriesApi } from "lightweight-charts";
import { parse } from "../decimal/decimal";
import { OrderLayer } from "./orderLayer";
import type { OrderLine } from "./orderLines";
import type { ChartTheme } from "./theme";

const PANE_PX = 200; // below it a study has its own
const priceAt = (y: number): number => 300 - y;

function layerWith(price: string): { container: HTMLElement; moves: bigint[] } {
  const container = document.createElement("div");
  container.setPointerCapture = () => {};
  const drawn = (options: { price: number }): object => ({
    options: () => options,
    applyOptions: (changed: object) => Object.assign(options, changed),
  });
  const prices = {
    applyOptions: () => {},
    createPriceLine: drawn,
    removePriceLine: () => {},
    priceToCoordinate: (value: number) => 300 - value,
    coordinateToPrice: priceAt,
  } as unknown as ISeriesApi<"Candlestick">;
  const chart = { applyOptions: () => {}, panes: () => [{ getHeight: () => PANE_PX }] } as unknown as IChartApi;
  const layer = new OrderLayer(container, chart, prices, () => ({ up: "", down: "" }) as ChartTheme);
  const moves: bigint[] = [];
  layer.moved = (_, to) => moves.push(to);
  layer.draw([{ price: parse(price), side: "Bid", title: "Buy 1", isTrigger: false, orders: [] } as unknown as OrderLine], parse("1"));
  return { container, moves };
}

function drag(container: HTMLElement, from: number, to: number): void {
  const at = (clientY: number): PointerEventInit => ({ clientY, button: 0, buttons: 1, pointerType: "mouse", pointerId: 1 });
  container.dispatchEvent(new PointerEvent("pointerdown", at(from)));
  container.dispatchEvent(new PointerEvent("pointermove", at(to)));
  container.dispatchEvent(new PointerEvent("pointerup", at(to)));
}

test("a line that is drawn is moved", () => {
  const { container, moves } = layerWith("150");
  drag(container, 150, 140);
  expect(moves).toEqual([parse("160")]);
});

test("a line whose price is below the pane cannot be gripped in the study that is there", () => {
  const { container, moves } = layerWith("50");
  drag(container, 250, 240);
  expect(moves).toEqual([]);
});

test("a line that is drawn below the pane goes no further than its edge", () => {
  const { container, moves } = layerWith("110");
  drag(container, 190, 280);
  expect(moves).toEqual([parse("100")]);
});
