/** What the order would come to: average price and size of what trades at once, the fee and its rates. From the book as it stands. */
import type { ReactElement } from "react";
import { ceilTo, divide, multiply } from "../decimal/decimal";
import { about, exactly, fixed, NONE, trimmed } from "../decimal/format";
import type { Fees } from "../model/trader/account";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { isAtOnce, isByQuote, isLimit, isWhole } from "./draft";
import { totalOf, type Ticket } from "./useTicket";
import styles from "./form.module.css";

const BASIS_POINTS = 10_000n;
const FEE_STEP = 10n ** 9n; // nine decimals, rounded up: it is the most that is taken

const rate = (basisPoints: bigint): string => `${trimmed(basisPoints / 100n, 0, 4)} %`;

export function Estimate({ ticket, market }: { ticket: Ticket; market: Market }): ReactElement {
  const fees = useStore(useVenue().account.fees);
  const rows = [...atOnce(ticket, market), ...feeRows(ticket, market, fees)];
  return (
    <dl className={styles["estimate"]} data-part="estimate">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Of an order that is larger than the book, of the part that is there. */
function atOnce({ draft, walked, checked }: Ticket, market: Market): [string, string][] {
  if (!isAtOnce(draft)) return [];
  const amount = (lots: bigint): string => trimmed(lots, 0, market.quantityDecimals);
  const traded = walked === null || walked.base === 0n || (isWhole(draft) && !walked.isFilled) ? null : walked;
  const average = traded ? `≈ ${fixed(divide(traded.quote, traded.base), market.priceDecimals)} ${market.quote}` : NONE;
  if (isLimit(draft)) {
    const part = traded && `${amount(traded.base)} of ${amount(checked.values.quantity ?? 0n)} ${market.base}`;
    return [["Fills now", walked === null ? NONE : (part ?? "nothing")], ["Average price", average]];
  }
  const there = traded === null || traded.isFilled ? "" : `, ${draft.side === "Bid" ? "up" : "down"} to there`;
  const size: [string, string] = isByQuote(draft)
    ? ["Amount", traded ? `≈ ${amount(traded.base)} ${market.base}` : NONE]
    : [draft.side === "Bid" ? "Cost" : "Proceeds", traded ? `≈ ${about(traded.quote, 2)} ${market.quote}` : NONE];
  return [["Average price", average], size].map(([name, value]) => [`${name}${there}`, value as string]);
}

function feeRows(ticket: Ticket, market: Market, fees: Fees | null): [string, string][] {
  const { draft, checked, walked } = ticket;
  if (fees === null) return [["Fee", NONE]];
  const isMaker = draft.handling === "PostOnly" && isLimit(draft);
  const [asset, received] =
    draft.side === "Bid"
      ? [market.base, isLimit(draft) ? checked.values.quantity : (walked?.base ?? null)]
      : [market.quote, isLimit(draft) ? totalOf(checked.values) : (walked?.quote ?? null)];
  const fee = received === null ? NONE : `${exactly(ceilTo(multiply(received, isMaker ? fees.maker : fees.taker) / BASIS_POINTS, FEE_STEP), 0)} ${asset}`;
  return [
    [isMaker ? "Fee" : "Fee, at most", fee],
    ["Maker / taker", `${rate(fees.maker)} / ${rate(fees.taker)}`],
  ];
}
