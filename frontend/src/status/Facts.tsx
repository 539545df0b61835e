/** One small chart a fact, over the last five minutes. */
import type { ReactElement } from "react";
import { FACTS } from "./facts";
import { inWords, type History } from "./history";
import { Chart } from "./Chart";
import style from "./status.module.css";

export function Facts({ history }: { history: History }): ReactElement {
  return (
    <section aria-label="Now and the last five minutes" className={style["facts"]}>
      {FACTS.map(({ id, title, unit }) => {
        const values = history.facts.get(id) ?? [];
        return (
          <figure key={id} className={style["fact"]} data-fact={id}>
            <figcaption>{title}</figcaption>
            <output aria-label={title}>{inWords(values.at(-1) ?? null, unit)}</output>
            <Chart values={values} name={title} inWords={(value) => inWords(value, unit)} />
          </figure>
        );
      })}
    </section>
  );
}
