/** The chart draws on a canvas, which knows no style sheet: its colours are read from the page's. */
import { ColorType, CrosshairMode } from "lightweight-charts";
import { ALL, INDICATORS, type Indicator } from "./indicators";

export interface ChartTheme {
  text: string;
  grid: string;
  border: string;
  up: string;
  down: string;
  flat: string;
  upVolume: string;
  downVolume: string;
  flatVolume: string;
  crosshair: string;
  label: string;
  studies: Record<Indicator, string>;
  font: string;
}

export function readTheme(element: Element): ChartTheme {
  const style = getComputedStyle(element);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  return {
    text: value("--muted"),
    grid: value("--grid"),
    border: value("--line"),
    up: value("--up"),
    down: value("--down"),
    flat: value("--muted"),
    upVolume: value("--up-volume"),
    downVolume: value("--down-volume"),
    flatVolume: value("--line"),
    crosshair: value("--muted"),
    label: value("--raised"),
    studies: Object.fromEntries(ALL.map((name) => [name, value(INDICATORS[name].colour)])) as Record<Indicator, string>,
    font: style.fontFamily,
  };
}

export function candleColours({ up, down }: ChartTheme): object {
  return { upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false };
}

export function options(theme: ChartTheme, volumeTop: number): object {
  const line = { color: theme.crosshair, labelBackgroundColor: theme.label };
  return {
    layout: {
      background: { type: ColorType.Solid, color: "transparent" },
      textColor: theme.text,
      fontFamily: theme.font,
      fontSize: 11,
      panes: { separatorColor: theme.border, separatorHoverColor: theme.border, enableResize: false },
      // The logo brings its own style sheet, which the content-security policy refuses; the footer names the library.
      attributionLogo: false,
    },
    grid: { vertLines: { color: theme.grid }, horzLines: { color: theme.grid } },
    crosshair: { mode: CrosshairMode.Normal, vertLine: line, horzLine: line },
    rightPriceScale: { borderColor: theme.border, entireTextOnly: true, scaleMargins: { top: 0.08, bottom: 1 - volumeTop + 0.03 } },
    timeScale: { borderColor: theme.border, rightOffset: 4 },
  };
}
