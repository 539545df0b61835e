/** The table of all markets: what each row shows, which are shown, and in which order. Pure. */
import type { Touch } from "../depth/book";
import type { Market } from "./markets";
import { nameOf, search, type Names } from "./search";
import type { Ticker, Tickers } from "./tickers";

export interface MarketRow {
  market: Market;
  name: string;
  ticker: Ticker | undefined;
  spread: bigint | null;
  isFavourite: boolean;
}

const SORTS = ["market", "last", "change", "volume", "spread"] as const;
export type Sort = (typeof SORTS)[number];

export interface View {
  text: string;
  sort: Sort | null;
  isDescending: boolean;
  onlyFavourites: boolean;
}

export interface Known {
  markets: readonly Market[];
  names: Names;
  tickers: Tickers;
  touches: ReadonlyMap<string, Touch>;
  favourites: ReadonlySet<string>;
}

/** In millionths of the first price. */
function changeOf(ticker: Ticker | undefined): bigint | null {
  return ticker && ticker.first > 0n ? ((ticker.last - ticker.first) * 1_000_000n) / ticker.first : null;
}

function keyOf(row: MarketRow, sort: Sort): bigint | string | null {
  switch (sort) {
    case "market":
      return row.market.symbol;
    case "last":
      return row.ticker?.last ?? null;
    case "change":
      return changeOf(row.ticker);
    case "volume":
      return row.ticker?.quoteVolume ?? null;
    default:
      return row.spread;
  }
}

/** What is not known comes last, whatever the direction. */
function compare(a: MarketRow, b: MarketRow, sort: Sort, isDescending: boolean): number {
  const [x, y] = [keyOf(a, sort), keyOf(b, sort)];
  if (x === null || y === null) return Number(x === null) - Number(y === null);
  if (x === y) return 0;
  return x < y === isDescending ? 1 : -1;
}

/** Favourites first, unless a column is sorted by. */
export function rowsOf(known: Known, view: View): readonly MarketRow[] {
  const rows = search(known.markets, known.names, view.text).map((market): MarketRow => {
    const { bid, ask } = known.touches.get(market.symbol) ?? { bid: null, ask: null };
    return {
      market,
      name: nameOf(market.base, known.names),
      ticker: known.tickers.get(market.symbol),
      spread: bid !== null && ask !== null ? ask - bid : null,
      isFavourite: known.favourites.has(market.symbol),
    };
  });
  const shown = view.onlyFavourites ? rows.filter(({ isFavourite }) => isFavourite) : rows;
  const { sort, isDescending } = view;
  if (sort === null) return shown.toSorted((a, b) => Number(b.isFavourite) - Number(a.isFavourite));
  return shown.toSorted((a, b) => compare(a, b, sort, isDescending));
}

/** Pressing a column's head: its greatest first (names: A first), then the other way, then no more. */
export function pressed(view: View, sort: Sort): View {
  const first = sort !== "market";
  if (view.sort !== sort) return { ...view, sort, isDescending: first };
  return view.isDescending === first ? { ...view, isDescending: !first } : { ...view, sort: null, isDescending: false };
}
