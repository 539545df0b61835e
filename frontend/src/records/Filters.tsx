import type { ReactElement } from "react";
import type { Side } from "../api/types";
import { pair } from "../model/market/markets";
import { useStore } from "../reactive/useStore";
import { useVenue } from "../ui/useVenue";
import styles from "./records.module.css";

interface FiltersProps {
  symbol: string | null;
  setSymbol: (symbol: string | null) => void;
  side: Side | null;
  setSide: (side: Side | null) => void;
}

export function Filters({ symbol, setSymbol, side, setSide }: FiltersProps): ReactElement {
  const markets = useStore(useVenue().markets);
  return (
    <div className={styles["filters"]}>
      <label>
        Market{" "}
        <select className="text-input" value={symbol ?? ""} onChange={(event) => setSymbol(event.target.value || null)}>
          <option value="">All markets</option>
          {markets.map((market) => (
            <option key={market.symbol} value={market.symbol}>
              {pair(market)}
            </option>
          ))}
        </select>
      </label>
      <label>
        Side{" "}
        <select className="text-input" value={side ?? ""} onChange={(event) => setSide((event.target.value || null) as Side | null)}>
          <option value="">Both sides</option>
          <option value="Bid">Buy</option>
          <option value="Ask">Sell</option>
        </select>
      </label>
    </div>
  );
}
