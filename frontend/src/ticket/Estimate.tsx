/** What the order would come to: average price of a market order, the fee and its rates. From the book as it stands. */
import type { ReactElement } from "react";
import { divide, multiply } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import type { Fees } from "../model/trader/account";
import type { Market } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import { hasTrigger, isByQuote, isLimit } from "./draft";
import type { Walk } from "./sizing";
import { totalOf, type Ticket } from "./useTicket";
import styles from "./form.module.css";

const BASIS_POINTS = 10_000n;

const rate = (basisPoints: bigint): string => `${trimmed(basisPoints / 100n, 0, 4)} %`;

export function Estimate({ ticket, market }: { ticket: Ticket; market: Market }): ReactElement {
  const fees = useStore(useVenue().account.fees);
  const rows = [...atMarket(ticket, market), ...feeRows(ticket, market, fees)];
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

/** What the whole of it would trade; of an order that is larger than the book, the form says what there is. */
const wholly = ({ walked }: Ticket): Walk | null => (walked?.isFilled ? walked : null);

function atMarket(ticket: Ticket, market: Market): [string, string][] {
  const { draft } = ticket;
  if (isLimit(draft) || hasTrigger(draft)) return [];
  const walked = wholly(ticket);
  const average = walked ? `≈ ${fixed(divide(walked.quote, walked.base), market.priceDecimals)} ${market.quote}` : NONE;
  if (isByQuote(draft)) return [["Average price", average], ["Amount", walked ? `≈ ${trimmed(walked.base, 0, market.quantityDecimals)} ${market.base}` : NONE]];
  return [["Average price", average], [draft.side === "Bid" ? "Cost" : "Proceeds", walked ? `≈ ${trimmed(walked.quote, 2, 2)} ${market.quote}` : NONE]];
}

function feeRows(ticket: Ticket, market: Market, fees: Fees | null): [string, string][] {
  const { draft, checked } = ticket;
  const walked = wholly(ticket);
  if (fees === null) return [["Fee", NONE]];
  const isMaker = draft.handling === "PostOnly" && isLimit(draft);
  const [asset, received] =
    draft.side === "Bid"
      ? [market.base, isLimit(draft) ? checked.values.quantity : (walked?.base ?? null)]
      : [market.quote, isLimit(draft) ? totalOf(checked.values) : (walked?.quote ?? null)];
  const fee = received === null ? NONE : `${trimmed(multiply(received, isMaker ? fees.maker : fees.taker) / BASIS_POINTS, 0, 8)} ${asset}`;
  return [
    [isMaker ? "Fee" : "Fee, at most", fee],
    ["Maker / taker", `${rate(fees.maker)} / ${rate(fees.taker)}`],
  ];
}
