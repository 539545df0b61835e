"""How the history writes times and numbers: texts that many rows repeat, remembered."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from engine_core.replica.setup import Market, Setup

Json = dict[str, Any]

_MOST_TEXTS = 50_000  # remembered of each kind, some 5 MB
_EPOCH = datetime(1970, 1, 1)


def iso(time_ms: int) -> str:
    """UTC without zone."""
    return f"{_second(time_ms // 1000)}.{time_ms % 1000:03d}"


@lru_cache(4096)
def _second(time_s: int) -> str:
    return (_EPOCH + timedelta(seconds=time_s)).isoformat()


def plain(time_ms: int) -> str:
    """A candle's edge."""
    return (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(" ", "seconds")


class _Memo(dict[int, str]):
    """Texts of numbers; rows repeat many of them."""

    def __init__(self, text_of: Callable[[int], str]) -> None:
        self._text_of = text_of

    def __missing__(self, value: int) -> str:
        if len(self) >= _MOST_TEXTS:
            self.clear()
        text = self[value] = self._text_of(value)
        return text


def _remembered(text_of: Callable[[int], str]) -> Callable[[int], str]:
    return _Memo(text_of).__getitem__


class _Forms:
    """How numbers of one market are written."""

    def __init__(self, market: Market) -> None:
        self.market, self.symbol, self.tick_atoms = market, market.symbol, market.units.tick_atoms
        self.price, self.quantity = _remembered(market.units.price), _remembered(market.units.quantity)
        self.quote, self.base = _remembered(market.units.quote), _remembered(market.units.base)


class Forms(dict[int, _Forms]):
    """Of all markets, by number. Kept from page to page; what is written never changes."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def __missing__(self, number: int) -> _Forms:
        forms = self[number] = _Forms(self._setup.markets[number])
        return forms
