/** The token buckets as this exchange is configured, what fills them, and the bounds of a request. */
import type { ReactElement } from "react";
import type { Explained } from "./documents";
import { plain } from "./reading";
import { Table } from "./Table";

export function Limits({ explained }: { explained: Explained }): ReactElement {
  const { limits, costs, bounds } = explained;
  return (
    <>
      {limits.length === 0 ? (
        <p>This exchange limits nothing.</p>
      ) : (
        <>
          <p>
            Token buckets: each request takes from one, and tokens come back steadily. <code>X-RateLimit-Limit</code>,{" "}
            <code>-Remaining</code> and <code>-Reset</code> of each answer say what is left; a 429 has <code>Retry-After</code>.
          </p>
          <Table head={["Of", "Of one", "Tokens", "At once"]}>
            {limits.map((limit) => (
              <tr key={limit.of}>
                <td>{limit.of}</td>
                <td>{limit.each}</td>
                <td>
                  {limit.tokens.toLocaleString("en")} {limit.seconds === 1 ? "a second" : `in ${limit.seconds} seconds`}
                </td>
                <td>{limit.burst.toLocaleString("en")}</td>
              </tr>
            ))}
          </Table>
          <ul>
            {costs.map((cost) => (
              <li key={cost}>{cost}</li>
            ))}
          </ul>
        </>
      )}
      <p>{plain(bounds.rest)}</p>
    </>
  );
}
