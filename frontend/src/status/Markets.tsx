/** Each market's state, and the switches that change it, after a question. */
import type { ReactElement } from "react";
import type { WireMarket } from "../api/types";
import { useStore } from "../reactive/useStore";
import { useAttempt } from "../ui/attempt";
import { useVenue } from "../ui/useVenue";
import type { MarketState, Operator } from "./operator";
import style from "./status.module.css";

interface Switch {
  state: MarketState;
  label: string;
  effect: string;
}

const SWITCHES: readonly Switch[] = [
  { state: "Open", label: "Open", effect: "Orders are taken again, and trade at once." },
  { state: "CancelOnly", label: "Cancel only", effect: "New orders are refused; those that rest stay, and can be cancelled." },
  { state: "Closed", label: "Halt", effect: "New orders are refused and nothing trades; orders can be cancelled." },
];

export function Markets({ operator }: { operator: Operator }): ReactElement {
  const markets = useStore(operator.markets);
  const { questions } = useVenue();
  const { isBusy, problem, attempt } = useAttempt();
  const change = async ({ symbol }: WireMarket, { state, label, effect }: Switch): Promise<void> => {
    const lines = [effect, "It takes effect at once, for everybody."];
    if (!(await questions.ask({ title: `${symbol}: ${label.toLowerCase()}?`, lines, action: label, of: [] }))) return;
    await attempt(() => operator.setMarket(symbol, state));
  };
  return (
    <section aria-labelledby="halts" className={style["panel"]}>
      <h2 id="halts">Markets</h2>
      <p role="alert" className={style["trouble"]}>
        {problem?.message}
      </p>
      <table>
        <tbody>
          {markets.map((market) => (
            <tr key={market.symbol}>
              <th scope="row">{market.symbol}</th>
              <td className={market.orderBookState === "Open" ? "" : style["trouble"]}>{market.orderBookState}</td>
              <td>
                <div className={style["switches"]}>
                {SWITCHES.filter(({ state }) => state !== market.orderBookState).map((each) => (
                  <button
                    key={each.state}
                    type="button"
                    className="small"
                    disabled={isBusy}
                    aria-label={`${each.label} ${market.symbol}`}
                    onClick={() => void change(market, each)}
                  >
                    {each.label}
                  </button>
                ))}
                </div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
