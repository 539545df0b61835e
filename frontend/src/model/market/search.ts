/** Which markets a search means: by symbol, by pair, or by the name of the asset; the best first. Pure. */
import { pair, type Market } from "./markets";

/** What people call each asset. */
export type Names = ReadonlyMap<string, string>;

export function nameOf(asset: string, names: Names): string {
  return names.get(asset) ?? asset;
}

/** Smaller is better; null where the market is not meant. */
function rank(market: Market, names: Names, words: string): number | null {
  if (market.base.toLowerCase() === words) return 0;
  if (pair(market).toLowerCase().startsWith(words)) return 1;
  const called = nameOf(market.base, names).toLowerCase();
  if (called.split(" ").some((word) => word.startsWith(words))) return 2;
  return pair(market).toLowerCase().includes(words) || called.includes(words) ? 3 : null;
}

export function search(markets: readonly Market[], names: Names, text: string): readonly Market[] {
  const words = text.trim().toLowerCase().replace(/[_-]+/g, "/");
  const ranked = markets.flatMap((market) => {
    const at = rank(market, names, words);
    return at === null ? [] : [{ market, at }];
  });
  return ranked.toSorted((a, b) => a.at - b.at).map(({ market }) => market);
}
