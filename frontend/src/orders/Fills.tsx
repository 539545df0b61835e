/** The account's own trades, newest first. */
import type { ReactElement } from "react";
import { multiply } from "../decimal/decimal";
import { exactly } from "../decimal/format";
import { moment } from "../decimal/time";
import type { Fill } from "../model/trader/orders";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { Amount } from "../ui/Amount";
import { inLots, price, sideTone, type Column } from "./columns";
import { isAmong, type Only } from "../ticket/only";
import { Older } from "./Older";
import { Cells, RecordsTable } from "./RecordsTable";
import { pairOf, sideWord } from "../ticket/words";

const COLUMNS: readonly Column<Fill>[] = [
  { name: "Date", content: (fill) => moment(fill.timeMs) },
  { name: "Market", content: (fill) => pairOf(fill.symbol) },
  { name: "Side", tone: sideTone, content: (fill) => sideWord(fill.side) },
  { name: "Role", content: (fill) => (fill.isMaker ? "Maker" : "Taker") },
  { name: "Price", isNumber: true, content: (fill, known) => price(fill.price, known) },
  { name: "Amount", isNumber: true, content: (fill, known) => <Amount value={fill.quantity} exact={inLots(fill.quantity, known)} /> },
  {
    name: "Total",
    isNumber: true,
    content: ({ price: at, quantity }, { market }) => (
      <Amount value={multiply(at, quantity)} exact={exactly(multiply(at, quantity))} unit={market?.quote ?? ""} />
    ),
  },
  { name: "Fee", isNumber: true, content: (fill) => <Amount value={fill.fee} exact={exactly(fill.fee, 0)} unit={fill.feeSymbol} /> },
];

export function Fills({ onlySymbol, onlySide = null }: Only): ReactElement {
  const { account } = useVenue();
  const fills = useStore(account.fills);
  const problem = useStore(account.fillsProblem);
  const areAll = useStore(account.fillsAreAll);
  const shown = fills.filter((fill) => isAmong(fill, onlySymbol, onlySide));
  const none = areAll ? "No fills yet" : "None among the newest fills";
  return (
    <>
      {shown.length === 0 && <p className="nothing">{problem ? `Earlier fills are not available: ${problem}` : none}</p>}
      {shown.length > 0 && (
        <RecordsTable label="Fills" kind="fills" columns={COLUMNS}>
          {shown.map((fill) => (
            <tr key={fill.key}>
              <Cells row={fill} columns={COLUMNS} />
            </tr>
          ))}
        </RecordsTable>
      )}
      {!areAll && <Older of="fills" sinceMs={fills.at(-1)?.timeMs} load={() => account.olderFills()} />}
    </>
  );
}
