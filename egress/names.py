"""The grammar of stream names. `.` and `@` are equal separators; a client is answered in its own spelling.

    trade|depth|order|bookTicker|ticker SEP symbol  depth SEP 200ms|600ms|1000ms SEP symbol
    kline SEP interval SEP symbol                   account SEP orderUpdate [SEP symbol]
    account SEP balanceUpdate

and names that are accepted and never sent anything: rfqUpdate and positionUpdate of accounts, markPrice, openInterest,
liquidation. Clients subscribe them beside others and give up when one of them is refused.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from enum import Enum

from engine_core.wire.intervals import INTERVALS

_SEPARATOR = re.compile(r"[.@]")
MAX_NAME = 64
DEPTH_WINDOWS_MS = {"200ms": 200, "600ms": 600, "1000ms": 1000}


class Kind(Enum):
    TRADE = "trade"
    DEPTH = "depth"
    ORDER = "order"
    BOOK_TICKER = "bookTicker"
    TICKER = "ticker"
    KLINE = "kline"
    ORDER_UPDATE = "orderUpdate"
    BALANCE_UPDATE = "balanceUpdate"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Stream:
    """What a name means, whatever its spelling."""

    kind: Kind
    symbol: str = ""  # "" of private streams: all markets
    window_ms: int = 0  # of depth; 0: at once
    interval: str = ""  # of candles
    private: bool = False

    @property
    def topic(self) -> str:
        """One spelling for all: what events are published under inside this process."""
        return f"{self.kind.value}.{self.window_ms or self.interval}.{self.symbol}"

    @property
    def is_periodic(self) -> bool:
        """Sent at the end of a window or a second, to all its subscribers at the same moment; else at once."""
        return bool(self.window_ms) or self.kind in (Kind.TICKER, Kind.KLINE)


_BY_SYMBOL = {kind.value: kind for kind in (Kind.TRADE, Kind.DEPTH, Kind.ORDER, Kind.BOOK_TICKER, Kind.TICKER)}
_SILENT_BY_SYMBOL = ("markPrice", "openInterest")
_SILENT_PRIVATE = ("rfqUpdate", "positionUpdate")


def parse(name: str, symbols: Container[str]) -> Stream | None:
    """The stream of that name, or None if there is no such stream or market."""
    if len(name) > MAX_NAME:
        return None
    match _SEPARATOR.split(name):
        case ["account", *rest]:
            return _parse_private(rest, symbols)
        case [kind, symbol] if kind in _BY_SYMBOL and symbol in symbols:
            return Stream(_BY_SYMBOL[kind], symbol)
        case ["depth", window, symbol] if window in DEPTH_WINDOWS_MS and symbol in symbols:
            return Stream(Kind.DEPTH, symbol, window_ms=DEPTH_WINDOWS_MS[window])
        case ["kline", interval, symbol] if interval in INTERVALS and symbol in symbols:
            return Stream(Kind.KLINE, symbol, interval=interval)
        case ["liquidation"]:
            return Stream(Kind.SILENT)
        case [kind, symbol] if kind in _SILENT_BY_SYMBOL and symbol in symbols:
            return Stream(Kind.SILENT, symbol)
    return None


def _parse_private(rest: list[str], symbols: Container[str]) -> Stream | None:
    match rest:
        case ["orderUpdate"]:
            return Stream(Kind.ORDER_UPDATE, private=True)
        case ["orderUpdate", symbol] if symbol in symbols:
            return Stream(Kind.ORDER_UPDATE, symbol, private=True)
        case ["balanceUpdate"]:
            return Stream(Kind.BALANCE_UPDATE, private=True)
        case [kind] if kind in _SILENT_PRIVATE:
            return Stream(Kind.SILENT, private=True)
        case [kind, symbol] if kind in _SILENT_PRIVATE and symbol in symbols:
            return Stream(Kind.SILENT, symbol, private=True)
    return None
