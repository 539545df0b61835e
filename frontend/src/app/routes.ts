/** The addresses of the page. The exchange serves the page under each of them: see ingress/http/page.py. */

export const TRADE = "/trade/:symbol";

export function tradePath(symbol: string): string {
  return `/trade/${symbol}`;
}

/** What the navigation offers, in its order. */
export const NAVIGATION: readonly { path: string; label: string }[] = [
  { path: "/markets", label: "Markets" },
  { path: "/trade", label: "Trade" },
  { path: "/portfolio", label: "Portfolio" },
  { path: "/orders", label: "Orders" },
  { path: "/settings", label: "Settings" },
  { path: "/docs", label: "API" },
];

/** Links from before there were paths: /#SOL_USDC is /trade/SOL_USDC. */
export function pathOfHash({ pathname, hash }: { pathname: string; hash: string }): string | null {
  const symbol = /^#(\w+)$/.exec(hash)?.[1];
  return pathname === "/" && symbol !== undefined ? tradePath(symbol.toUpperCase()) : null;
}
