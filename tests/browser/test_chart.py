"""The newest bar of the chart is the one that the exchange knows, after each trade, in every interval."""

import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.driver import TradingPage
from tests.exchange import Exchange, eventually

MARKET = "SOL_USDC"
LABELS = {"1m": ("1m", 60), "5m": ("5m", 300), "15m": ("15m", 900), "1h": ("1H", 3_600), "4h": ("4H", 14_400)} | {
    "1d": ("1D", 86_400)
}


def newest(exchange: Exchange, interval: str) -> dict[str, Any]:
    """The last candle of REST, asked as bots do: an interval further than now."""
    now, seconds = int(time.time()), LABELS[interval][1]
    query: dict[str, str | int] = {"symbol": MARKET, "interval": interval}
    query |= {"startTime": now - 3 * seconds, "endTime": now + seconds}
    candles: list[dict[str, Any]] = httpx.get(f"{exchange.run['http']}/api/v1/klines", params=query).json()
    return candles[-1]


def shown(page: TradingPage) -> list[Decimal]:
    """Open, high, low and close in the chart's legend, which is of the newest bar while nobody points at another."""
    texts = page.page.locator(".legend dt + dd").all_inner_texts()
    return [Decimal(text.replace(",", "")) for text in texts[:4]]


def until_another_trade(exchange: Exchange, interval: str) -> None:
    before = newest(exchange, interval)["volume"]
    eventually(lambda: newest(exchange, interval)["volume"], lambda volume: volume != before, "another trade", 60)


@pytest.mark.parametrize("interval", LABELS)
def test_the_newest_bar_is_the_exchanges(page: TradingPage, exchange: Exchange, interval: str) -> None:
    page.show("Chart")
    group = page.page.get_by_role("group", name="Candle interval")
    group.get_by_role("button", name=LABELS[interval][0], exact=True).click()
    expect(page.page.locator(".legend")).to_contain_text("Vol")
    for _ in range(2):
        until_another_trade(exchange, interval)

        def both() -> tuple[list[Decimal], list[Decimal]]:
            candle = newest(exchange, interval)
            return shown(page), [Decimal(candle[name]) for name in ("open", "high", "low", "close")]

        eventually(both, lambda pair: pair[0] == pair[1], "the newest bar, and the exchange's candle", 30)
        trade = httpx.get(f"{exchange.run['http']}/api/v1/trades", params={"symbol": MARKET, "limit": 1}).json()[0]
        start = Decimal(trade["timestamp"]) / 1000
        assert start < Decimal(time.time()) + 60  # the tape and the chart are of the same present
