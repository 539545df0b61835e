/** The operator's page: what every process shows of itself, and the switches of markets and accounts. For administrators. */
import { useEffect, useState, type ReactElement } from "react";
import { useStore } from "../reactive/useStore";
import { Accounts } from "./Accounts";
import { Facts } from "./Facts";
import { KeyForm } from "./KeyForm";
import { Markets } from "./Markets";
import { Operator } from "./operator";
import { Processes } from "./Processes";
import { Stages } from "./Stages";
import style from "./status.module.css";

export default function StatusPage(): ReactElement {
  const [operator] = useState(() => new Operator());
  const gate = useStore(operator.gate);
  useEffect(() => {
    document.title = "Status · Exchange";
    return () => operator.close();
  }, [operator]);
  return (
    <main className={style["status"]}>
      <div className={style["head"]}>
        <h1>Status</h1>
        {gate.kind === "open" && (
          <>
            <span role="status" className={style["trouble"]}>
              {gate.trouble && `Not live: ${gate.trouble}`}
            </span>
            <button type="button" className="small" onClick={() => operator.close()}>
              Forget the key
            </button>
          </>
        )}
      </div>
      {gate.kind === "open" ? <Opened operator={operator} /> : <KeyForm operator={operator} gate={gate} />}
    </main>
  );
}

function Opened({ operator }: { operator: Operator }): ReactElement {
  const history = useStore(operator.history);
  return (
    <>
      <Facts history={history} />
      <Stages history={history} />
      <Processes history={history} />
      <Markets operator={operator} />
      <Accounts operator={operator} />
    </>
  );
}
