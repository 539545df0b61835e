/** The chart draws on a canvas, which knows no style sheet: its colours are read from the page's. */
export interface ChartTheme {
  text: string;
  grid: string;
  border: string;
  up: string;
  down: string;
  upVolume: string;
  downVolume: string;
  crosshair: string;
  label: string;
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
    upVolume: value("--up-volume"),
    downVolume: value("--down-volume"),
    crosshair: value("--muted"),
    label: value("--raised"),
    font: style.fontFamily,
  };
}
