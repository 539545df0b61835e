"""What GET /klines has to answer, computed from the trades by the calendar."""

from datetime import datetime, timedelta
from typing import Any

from tests.persistence import slow


def expected_klines(trades: list[tuple[Any, ...]], name: str, start_ms: int, end_ms: int) -> list[tuple[str, ...]]:
    """Every bucket by walking the clock in seconds of the bucket's rule, not by the interval's arithmetic."""
    candles = {start: candle for (_, start), candle in slow.candles(trades, name).items()}
    start = slow.bucket(name, slow.moment(start_ms))
    earlier = [candle for begin, candle in sorted(candles.items()) if begin < start]
    close = earlier[-1][3] if earlier else None
    if close is None:
        start = min(begin for begin in candles if begin >= start)
    result = []
    while start < slow.moment(end_ms) and len(result) < 1000:
        end = following(name, start)
        open_, high, low, last, lots, atoms, number = candles.get(start, [close, close, close, close, 0, 0, 0])
        edges = (start.strftime("%Y-%m-%d %H:%M:%S"), end.strftime("%Y-%m-%d %H:%M:%S"))
        prices = tuple(f"{ticks / 100:g}" for ticks in (open_, high, low, last))
        amounts = (decimal(lots, 2), decimal(atoms, 6), str(number))
        result.append((*edges, *prices, *amounts))
        start, close = end, last
    return result


def following(name: str, start: datetime) -> datetime:
    widths = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
    count, unit = int("".join(filter(str.isdigit, name))), name.lstrip("0123456789")
    step = timedelta(days=32) if unit == "month" else timedelta(seconds=count * widths[unit])
    return slow.bucket(name, start + step)


def decimal(value: int, places: int) -> str:
    text = f"{value // 10**places}.{value % 10**places:0{places}}"
    return text.rstrip("0").rstrip(".")
