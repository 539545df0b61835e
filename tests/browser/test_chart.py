"""The newest bar of the chart is the one that the exchange knows, after each trade, in every interval."""

import time
from datetime import UTC, datetime
from decimal import Decimal

from playwright.sync_api import expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange, eventually

LABELS = {"1m": ("1m", 60), "5m": ("5m", 300), "15m": ("15m", 900), "1h": ("1H", 3_600), "4h": ("4H", 14_400)} | {
    "1d": ("1D", 86_400)
}
PRICES = ("150.10", "151.20", "149.30", "152.40", "148.50", "150.60")  # of one trade in each interval

Bar = list[Decimal]  # open, high, low and close


def newest(exchange: Exchange, interval: str) -> list[Bar]:
    """The last bar of REST with trades; after it, if its time has passed, the empty ones that have begun."""
    now, seconds = int(time.time()), LABELS[interval][1]
    span = f"startTime={now - 10 * seconds}&endTime={now + seconds}"  # as bots ask: an interval further than now
    candles = exchange.get(f"klines?symbol={QUIET}&interval={interval}&{span}")
    begun = [each for each in candles if datetime.fromisoformat(each["start"]).replace(tzinfo=UTC).timestamp() <= now]
    last = max(at for at, each in enumerate(begun) if int(each["trades"]))
    return [[Decimal(each[name]) for name in ("open", "high", "low", "close")] for each in begun[last:]]


def shown(page: TradingPage) -> Bar:
    """In the chart's legend, which is of the newest bar while nobody points at another."""
    texts = page.page.locator(".legend dt + dd").all_inner_texts()
    return [Decimal(text.replace(",", "")) for text in texts[:4]]


def is_shown(page: TradingPage, exchange: Exchange, interval: str, price: str) -> None:
    """The newest bar, which closed at this price."""

    def both() -> tuple[Bar, list[Bar]]:
        return shown(page), newest(exchange, interval)

    def same(bars: tuple[Bar, list[Bar]]) -> bool:
        return bars[0] in bars[1] and bars[0][-1] == Decimal(price)

    eventually(both, same, f"{interval}: the chart's newest bar, and the exchange's, at {price}")


@desktop_only
def test_the_newest_bar_is_the_exchanges(page: TradingPage, exchange: Exchange, traders: Traders) -> None:
    last = "150.00"
    traders.trade(last)
    group = page.page.get_by_role("group", name="Candle interval")
    for (interval, (label, _)), price in zip(LABELS.items(), PRICES, strict=True):
        group.get_by_role("button", name=label, exact=True).click()
        expect(page.page.get_by_role("img", name=f"Candles of {QUIET}, {label}")).to_be_visible()
        is_shown(page, exchange, interval, last)  # as it was loaded
        traders.trade(price)
        is_shown(page, exchange, interval, price)  # as the stream changed it
        last = price
