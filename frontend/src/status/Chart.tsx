/** A line from zero to the largest value of the last five minutes, which is written at its top. */
import type { ReactElement } from "react";
import type { Value } from "./facts";
import { polylines, topOf } from "./history";
import style from "./status.module.css";

interface ChartProps {
  values: readonly Value[];
  name: string;
  inWords: (value: Value) => string;
}

const [WIDTH, HEIGHT] = [300, 48];

export function Chart({ values, name, inWords }: ChartProps): ReactElement {
  const isKnown = values.some((value) => value !== null);
  const top = inWords(isKnown ? topOf(values) : null);
  return (
    <div className={style["chart"]}>
      <svg viewBox={`0 -1 ${WIDTH} ${HEIGHT + 2}`} preserveAspectRatio="none" role="img" aria-label={`${name}, at most ${top}`}>
        {polylines(values, WIDTH, HEIGHT).map((points) => (
          <polyline key={points} points={points} vectorEffect="non-scaling-stroke" />
        ))}
      </svg>
      {isKnown && topOf(values) > 1e-9 && <small>max {top}</small>}
    </div>
  );
}
