/** Every code by its status, with the words of the matching engine that come with it: the table that the server uses. */
import type { ReactElement } from "react";
import type { Explained } from "./documents";
import { Table } from "./Table";

export function Errors({ errors }: { errors: Explained["errors"] }): ReactElement {
  return (
    <>
      <p>
        Every answer that is not 2xx has the body <code>{'{"code": "…", "message": "…"}'}</code>. Programs read the code, people
        the message.
      </p>
      <Table head={["HTTP", "Code", "What it means"]}>
        {errors.map(({ status, description, codes }) =>
          codes.map(({ code, reasons }, place) => (
            <tr key={code}>
              <td>{status}</td>
              <td>
                <code>{code}</code>
              </td>
              <td>
                {place === 0 && <p>{description}.</p>}
                {reasons.length > 0 && <p>{reasons.map((reason) => `“${reason}”`).join(", ")}</p>}
              </td>
            </tr>
          )),
        )}
      </Table>
    </>
  );
}
