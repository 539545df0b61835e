"""What the trades of each market add up to: the tape of recent ones, rolling statistics, live candles, the last price.

Trades are taken in log order and known by their number, so taking one twice changes nothing.
"""

from dataclasses import dataclass, field

import numpy as np

from engine_core.jit.kernel import entry
from engine_core.replica.candles import BUCKET, INTERVAL_NAMES, KEPT, Candle, add_to_candles
from engine_core.replica.records import TRADE
from engine_core.replica.ticker import MINUTE_MS, MINUTES, Ticker, add_to_minutes, window
from engine_core.wire.codes import Side

TAPE = 1_000  # recent trades kept of each market: the most that the API gives at once

LAST = np.dtype([("trade_id", "<i8"), ("price_ticks", "<i8"), ("count", "<i8")])  # count: of trades taken


@dataclass(frozen=True, slots=True)
class Trade:
    """A TRADE as Python integers."""

    market: int
    maker_side: Side
    trade_id: int
    price_ticks: int
    lots: int
    time_ms: int
    maker_order_id: int
    taker_order_id: int

    @property
    def buyer_is_maker(self) -> bool:
        return self.maker_side == Side.BID

    @property
    def buyer_order_id(self) -> int:
        return self.maker_order_id if self.buyer_is_maker else self.taker_order_id

    @property
    def seller_order_id(self) -> int:
        return self.taker_order_id if self.buyer_is_maker else self.maker_order_id


def to_trades(rows: np.ndarray) -> list[Trade]:
    return [Trade(market, Side(side), *rest) for market, side, *rest in rows.tolist()]


@entry
def add_trades(
    trades: np.ndarray, last: np.ndarray, tape: np.ndarray, minutes: np.ndarray, candles: np.ndarray
) -> None:
    """Take TRADE records; those already known by their number are left out."""
    for i in range(len(trades)):
        trade = trades[i]
        market = trade["market"]
        if trade["trade_id"] <= last[market]["trade_id"]:
            continue
        price, lots, time = trade["price_ticks"], trade["lots"], trade["time_ms"]
        tape[market, last[market]["count"] % TAPE] = trade
        last[market]["trade_id"], last[market]["price_ticks"] = trade["trade_id"], price
        last[market]["count"] += 1
        add_to_minutes(minutes[market], time, price, lots)
        add_to_candles(candles[market], time, price, lots)


def _grown(array: np.ndarray, markets: int) -> np.ndarray:
    """`array` with rows for so many markets. Rows never written cost no memory: fresh pages are not touched."""
    larger = np.zeros((markets, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


@dataclass(slots=True)
class Trades:
    last: np.ndarray = field(default_factory=lambda: np.zeros(1, LAST))
    tape: np.ndarray = field(default_factory=lambda: np.zeros((1, TAPE), TRADE))
    minutes: np.ndarray = field(default_factory=lambda: np.zeros((1, MINUTES), BUCKET))
    candles: np.ndarray = field(default_factory=lambda: np.zeros((1, len(INTERVAL_NAMES), KEPT), BUCKET))

    def reserve(self, market: int) -> None:
        """Make room for market numbers up to `market`."""
        if market >= len(self.last):
            markets = max(market + 1, 2 * len(self.last))
            self.last, self.tape = _grown(self.last, markets), _grown(self.tape, markets)
            self.minutes, self.candles = _grown(self.minutes, markets), _grown(self.candles, markets)

    def add(self, trades: np.ndarray) -> None:
        add_trades(trades, self.last, self.tape, self.minutes, self.candles)

    def last_price(self, market: int) -> int | None:
        return int(self.last[market]["price_ticks"]) or None

    def recent(self, market: int, limit: int) -> list[Trade]:
        """The newest trades, newest first."""
        count = int(self.last[market]["count"])
        numbers = np.arange(count - 1, max(count - min(limit, TAPE), 0) - 1, -1)
        return to_trades(self.tape[market, numbers % TAPE])

    def ticker(self, market: int, window_ms: int, now_ms: int) -> Ticker:
        """Statistics of the last `window_ms` (at most a week) before `now_ms`."""
        values = window(self.minutes[market], now_ms, window_ms // MINUTE_MS)
        if values[-1] == 0:
            known = self.last_price(market) or 0
            return Ticker(known, known, known, known, 0, 0, 0)
        return Ticker(*map(int, values))

    def candle_rows(self, market: int, interval: int) -> list[Candle]:
        """The last KEPT candles that have trades, newest first."""
        rows = self.candles[market, interval]
        return [Candle(*row) for row in rows[rows["trades"] > 0].tolist()]
