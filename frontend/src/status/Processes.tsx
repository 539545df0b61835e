/** Which processes there are, what each costs, and which engine is the active one. */
import type { ReactElement } from "react";
import { duty, processor } from "./facts";
import { inWords, type History } from "./history";
import style from "./status.module.css";

export function Processes({ history }: { history: History }): ReactElement {
  const [before, now] = [history.readings.at(-2)?.status, history.readings.at(-1)?.status];
  return (
    <section aria-labelledby="processes" className={style["panel"]}>
      <h2 id="processes">Processes</h2>
      {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls is reachable */}
      <div className={style["scroll"]} role="group" aria-label="Processes" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Role</th>
              <th scope="col">State</th>
              <th scope="col">Core</th>
              <th scope="col">Memory</th>
            </tr>
          </thead>
          <tbody>
            {now?.processes.map((look) => (
              <tr key={`${look.role} ${look.worker}`}>
                <th scope="row">
                  {look.role} {look.worker > 0 && look.worker}
                </th>
                <td className={look.notReady ? style["trouble"] : ""}>{look.notReady || duty(look) || "ready"}</td>
                <td>{inWords(before ? processor(before, look) : null, " %")}</td>
                <td>{inWords(Math.round(look.memoryBytes / 2 ** 20), " MB")}</td>
              </tr>
            ))}
            {now?.silent.map((name) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td className={style["trouble"]}>does not answer</td>
                <td>–</td>
                <td>–</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
