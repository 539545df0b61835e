/** Where the time of an order goes: percentiles of the last ten seconds, stage by stage, and how they went before. */
import type { ReactElement } from "react";
import { Chart } from "./Chart";
import { STAGES } from "./facts";
import { duration, type History } from "./history";
import style from "./status.module.css";

const MEANING: Record<(typeof STAGES)[number], string> = {
  authenticated: "ingress reads it, checks signature and limits",
  appended: "until its block goes to the log",
  read: "through the log to the engine",
  matched: "its block is executed",
  published: "its events are on the ring",
  answered: "the answer is with the client’s socket",
  streamed: "frames are sent (from published)",
  stored: "committed to the database (from published)",
};

export function Stages({ history }: { history: History }): ReactElement {
  return (
    <section aria-labelledby="stages" className={style["panel"]}>
      <h2 id="stages">An order’s way</h2>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reachable */}
      <div className={style["scroll"]} role="group" aria-label="Stages" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              <th scope="col">p50 ≤</th>
              <th scope="col">p99 ≤</th>
              <th scope="col">p99, five minutes</th>
            </tr>
          </thead>
          <tbody>
            {STAGES.map((stage) => {
              const points = history.stages.get(stage) ?? [];
              const last = points.at(-1);
              return (
                <tr key={stage} data-stage={stage}>
                  <th scope="row">
                    {stage} <small>{MEANING[stage]}</small>
                  </th>
                  <td>{duration(last?.p50 ?? null)}</td>
                  <td>{duration(last?.p99 ?? null)}</td>
                  <td>
                    <Chart values={points.map(({ p99 }) => p99)} name={`p99 of ${stage}`} inWords={duration} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
