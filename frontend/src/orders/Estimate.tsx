/** What the order would come to: total, average price of a market order, the fee. Estimates from the book as it stands. */
import type { ReactElement } from "react";
import { divide, multiply } from "../decimal/decimal";
import { fixed, NONE, trimmed } from "../decimal/format";
import { tryTyped } from "../decimal/typed";
import type { Market } from "../model/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import type { Draft } from "./checks";
import { walk, type Walk } from "./sizing";

const BASIS_POINTS = 10_000n;

export function Estimate({ market, draft, total }: { market: Market; draft: Draft; total: bigint | null }): ReactElement {
  const { book, account } = useVenue();
  const fees = useStore(account.fees);
  useStore(book.touch);
  const isBuy = draft.side === "Bid";
  const sized = draft.sizedBy === "base" ? tryTyped(draft.quantity) : tryTyped(draft.quoteQuantity);
  const walked = draft.kind === "market" && sized && book.live ? walkBook(draft, sized, book.live) : null;
  const received = draft.kind === "market" ? (isBuy ? walked?.base : walked?.quote) : isBuy ? tryTyped(draft.quantity) : total;
  const rate = fees && (draft.handling === "PostOnly" && draft.kind === "limit" ? fees.maker : fees.taker);
  const fee = rate && received ? multiply(received, rate) / BASIS_POINTS : null;
  const asset = isBuy ? market.base : market.quote;
  const rows: [string, string][] =
    draft.kind === "limit"
      ? [["Total", total === null ? NONE : `${trimmed(total, 2, 8)} ${market.quote}`]]
      : [
          ["Average price", walked ? `≈ ${fixed(divide(walked.quote, walked.base), market.priceDecimals)} ${market.quote}` : NONE],
          draft.sizedBy === "base"
            ? [isBuy ? "Cost" : "Proceeds", walked ? `≈ ${trimmed(walked.quote, 2, 2)} ${market.quote}` : NONE]
            : ["Amount", walked ? `≈ ${trimmed(walked.base, 0, market.quantityDecimals)} ${market.base}` : NONE],
        ];
  rows.push([rate === fees?.maker ? "Fee" : "Fee, at most", fee === null ? NONE : `${trimmed(fee, 0, 8)} ${asset}`]);
  return (
    <dl className="estimate">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      {walked && !walked.isFilled && <p className="hint">The book is not deep enough: the rest would expire</p>}
    </dl>
  );
}

function walkBook(draft: Draft, size: bigint, book: Parameters<typeof walk>[0]): Walk | null {
  const walked = walk(book, draft.side, draft.sizedBy === "base" ? { base: size } : { quote: size });
  return walked.base > 0n ? walked : null;
}
