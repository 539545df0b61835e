"""The texts of market data: integers in, JSON bytes out; and the WebSocket frame around them.

Written by hand instead of through a JSON library: every value is a number or a text of our own alphabet, and one event
is built once however many listen. `E` is the time of sending and `T` the engine's, both in microseconds.
"""

import zlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from engine_core.edge.spelling import SIDE_WORDS
from engine_core.replica.candles import Candle
from engine_core.replica.orders import OrderChange
from engine_core.replica.setup import Market
from engine_core.replica.ticker import Ticker
from engine_core.replica.trades import Trade
from engine_core.wire.units import format_decimal

CACHED_TEXTS = 65_536
CHECKSUM_LEVELS = 10
_RATIO_DECIMALS = 6

Level = tuple[int, int]  # ticks, lots


class Times(NamedTuple):
    """When an event is sent, and when the engine made it."""

    now_us: int
    engine_ms: int


class Texts:
    """Prices and quantities of one market as text, remembered: the same few come again and again."""

    def __init__(self, market: Market) -> None:
        self._units = market.units
        self._prices: dict[int, str] = {}
        self._quantities: dict[int, str] = {}

    def price(self, ticks: int) -> str:
        text = self._prices.get(ticks)
        if text is None:
            text = _remember(self._prices, ticks, self._units.price(ticks))
        return text

    def quantity(self, lots: int) -> str:
        text = self._quantities.get(lots)
        if text is None:
            text = _remember(self._quantities, lots, self._units.quantity(lots))
        return text

    def value(self, ticks_times_lots: int) -> str:
        return self._units.quote(ticks_times_lots * self._units.tick_atoms)


def _remember(texts: dict[int, str], number: int, text: str) -> str:
    if len(texts) >= CACHED_TEXTS:
        texts.clear()
    texts[number] = text
    return text


@dataclass(slots=True)
class DepthChange:
    """Level changes of one market from depth number `first_id` to `last_id`; lots 0 = the level is gone.

    A heartbeat has no levels and first_id = last_id + 1: it uses up no number.
    """

    first_id: int
    last_id: int
    time_ms: int
    bids: dict[int, int] = field(default_factory=dict)  # ticks: lots
    asks: dict[int, int] = field(default_factory=dict)
    checksum: int = 0  # of the book at last_id

    def add(self, later: "DepthChange") -> None:
        """Take in what followed."""
        self.last_id, self.time_ms, self.checksum = later.last_id, later.time_ms, later.checksum
        self.bids.update(later.bids)
        self.asks.update(later.asks)


def checksum(texts: Texts, bids: list[Level], asks: list[Level]) -> int:
    """CRC-32 of the best levels' texts: bid price, bid quantity, ask price, ask quantity of the best, then of the
    second best, and so on, joined by `:`; a side that has ended is left out. Both sides ascend by price."""
    parts = []
    for rank in range(CHECKSUM_LEVELS):
        if rank < len(bids):
            ticks, lots = bids[-1 - rank]
            parts += [texts.price(ticks), texts.quantity(lots)]
        if rank < len(asks):
            ticks, lots = asks[rank]
            parts += [texts.price(ticks), texts.quantity(lots)]
    return zlib.crc32(":".join(parts).encode())


def depth(market: Market, texts: Texts, change: DepthChange, now_us: int) -> bytes:
    return (
        f'{{"e":"depth","E":{now_us},"T":{change.time_ms * 1000},"s":"{market.symbol}","U":{change.first_id},'
        f'"u":{change.last_id},"b":[{_levels(texts, change.bids)}],"a":[{_levels(texts, change.asks)}],'
        f'"cs":{change.checksum}}}'
    ).encode()


def _levels(texts: Texts, levels: dict[int, int]) -> str:
    return ",".join([f'["{texts.price(ticks)}","{texts.quantity(lots)}"]' for ticks, lots in sorted(levels.items())])


def trade(market: Market, texts: Texts, made: Trade, now_us: int) -> bytes:
    return (
        f'{{"e":"trade","E":{now_us},"T":{made.time_ms * 1000},"s":"{market.symbol}",'
        f'"p":"{texts.price(made.price_ticks)}","q":"{texts.quantity(made.lots)}","t":{made.trade_id},'
        f'"b":"{made.buyer_order_id}","a":"{made.seller_order_id}","m":{"true" if made.buyer_is_maker else "false"}}}'
    ).encode()


def orders(market: Market, texts: Texts, span: tuple[int, int], changes: list[OrderChange], times: Times) -> bytes:
    """Changes of single orders; `span` is the depth numbers that they cover."""
    rows = ",".join(
        [
            f'["{change.order_id}","{SIDE_WORDS[change.side]}","{texts.price(change.price_ticks)}","{texts.quantity(change.lots)}"]'
            for change in changes
        ]
    )
    return (
        f'{{"e":"order","E":{times.now_us},"T":{times.engine_ms * 1000},"s":"{market.symbol}",'
        f'"U":{span[0]},"u":{span[1]},"o":[{rows}]}}'
    ).encode()


def book_ticker(
    market: Market, texts: Texts, best: tuple[Level | None, Level | None], update_id: int, time_ms: int, now_us: int
) -> bytes:
    """A side without orders has price and quantity 0."""
    (bid, bid_lots), (ask, ask_lots) = (level or (0, 0) for level in best)
    return (
        f'{{"e":"bookTicker","E":{now_us},"T":{time_ms * 1000},"s":"{market.symbol}","a":"{texts.price(ask)}",'
        f'"A":"{texts.quantity(ask_lots)}","b":"{texts.price(bid)}","B":"{texts.quantity(bid_lots)}","u":{update_id}}}'
    ).encode()


def ticker(market: Market, texts: Texts, day: Ticker, now_us: int) -> bytes:
    return (
        f'{{"e":"ticker","E":{now_us},"s":"{market.symbol}","o":"{texts.price(day.first_ticks)}",'
        f'"c":"{texts.price(day.last_ticks)}","h":"{texts.price(day.high_ticks)}","l":"{texts.price(day.low_ticks)}",'
        f'"v":"{texts.quantity(day.lots)}","V":"{texts.value(day.value)}","n":{day.trades},'
        f'"P":"{format_decimal(day.change_ppm, _RATIO_DECIMALS)}"}}'
    ).encode()


def kline(market: Market, texts: Texts, candle: Candle, closed: bool, now_us: int) -> bytes:
    return (
        f'{{"e":"kline","E":{now_us},"s":"{market.symbol}","t":"{_iso(candle.start_ms)}","T":"{_iso(candle.end_ms)}",'
        f'"o":"{texts.price(candle.open_ticks)}","h":"{texts.price(candle.high_ticks)}","l":"{texts.price(candle.low_ticks)}",'
        f'"c":"{texts.price(candle.close_ticks)}","v":"{texts.quantity(candle.lots)}","V":"{texts.value(candle.value)}",'
        f'"n":{candle.trades},"X":{"true" if closed else "false"}}}'
    ).encode()


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def message(name: str, data: bytes) -> bytes:
    """The JSON text of one event under the name as subscribed (names need no escaping: see names.py)."""
    return b'{"stream":"%b","data":%b}' % (name.encode(), data)
