"""What the trades of a batch add to the candles of every interval, vectorised.

Trades are first drawn together into seconds; the longer intervals are drawn from those, so their cost does not depend
on the number of trades.
"""

import numpy as np

from engine_core.wire.candles import SUMS, draw_together, parts_of
from engine_core.wire.intervals import INTERVALS
from persistence.tables import CANDLE_CHANGES, timestamps

_BASE = INTERVALS["1s"]


def candle_changes(trades: np.ndarray, times_ms: np.ndarray) -> np.ndarray:
    """CANDLE_CHANGES rows of all intervals for TRADES rows in log order."""
    parts = parts_of(trades["market"], times_ms, trades["price_ticks"], trades["quantity_lots"], trades["quote_atoms"])
    seconds = draw_together(parts[np.argsort(parts["market"], kind="stable")], [_BASE])
    candles = draw_together(seconds, list(INTERVALS.values()))
    rows = CANDLE_CHANGES.rows(len(candles))
    rows["start"] = timestamps(candles["start"])
    for name in ("interval", "market", "open_ticks", "high_ticks", "low_ticks", "close_ticks", *SUMS):
        rows[name] = candles[name]
    return rows
