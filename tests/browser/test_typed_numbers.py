"""Amounts and prices as people of several languages type them: what is sent is what they meant, or nothing is sent.

A decimal comma that was taken for a separator of thousands once made 1,5 at 149,5 an order for 15 at 1495.
"""
# ruff: noqa: RUF001 (signs that look alike are what this is about)

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SCREENSHOTS
from tests.browser.driver import PATIENCE_MS, TradingPage
from tests.exchange import Exchange, eventually

Opener = Callable[[str], TradingPage]


@pytest.fixture
def opened(browser: Browser, exchange: Exchange) -> Iterator[Opener]:
    """The page in a browser of a language."""
    with ExitStack() as stack:

        def open_in(locale: str) -> TradingPage:
            context = browser.new_context(locale=locale)
            stack.callback(context.close)
            page = TradingPage(context.new_page(), exchange, SCREENSHOTS, f"desktop-{locale}")
            page.open()
            page.cancel_everything()
            return page

        yield open_in


def type_and_send(page: TradingPage, price: str, amount: str) -> list[dict[str, Any]]:
    """Type with keys, not by setting values, and send; returns the orders that left the browser."""
    sent: list[dict[str, Any]] = []

    def note(request: Any) -> None:
        if request.method == "POST" and request.url.endswith("/api/v1/order"):
            sent.append(json.loads(request.post_data))

    page.page.on("request", note)
    for label, text in (("Price", price), ("Amount", amount)):
        field = page.form.get_by_label(label)
        field.fill("0")  # from here on the form sets no first price of its own
        field.fill("")
        field.press_sequentially(text)
    page.send()
    problems = page.form.locator(".problem")
    eventually(
        lambda: page.page.wait_for_timeout(20) or sent or problems.count(), bool, "sent or refused", PATIENCE_MS / 1000
    )
    page.page.remove_listener("request", note)
    return sent


READ = [
    ("en-US", "120.5", "2.5", "120.5", "2.5"),
    ("en-US", "120.5", "1,234.5", "120.5", "1234.5"),
    ("de-DE", "120,5", "2,5", "120.5", "2.5"),
    ("de-DE", "120.5", "1.234,5", "120.5", "1234.5"),
    ("fr-CH", "120,5", "1’234,5", "120.5", "1234.5"),
    ("fr-CH", "120.5", "1\u202f234,5", "120.5", "1234.5"),
    ("ar-EG", "١٢٠٫٥", "٢٫٥", "120.5", "2.5"),
]
REFUSED = [
    ("en-US", "120,5", "2.5", "The price cannot be read"),
    ("en-US", "120.5", "2,5", "The amount cannot be read"),
    ("de-DE", "120,5", "1,234", "The amount can mean 1234 or 1.234"),
    ("fr-CH", "120,5", "1 5", "The amount cannot be read"),
    ("ar-EG", "120,5", "2", "The price cannot be read"),
]


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "fr-CH", "ar-EG"])
def test_numbers_in_the_signs_of_a_language(opened: Opener, locale: str) -> None:
    page = opened(locale)
    for price, amount, meant_price, meant_amount in [row[1:] for row in READ if row[0] == locale]:
        sent = type_and_send(page, price, amount)
        assert [(order["price"], order["quantity"]) for order in sent] == [(meant_price, meant_amount)]
        page.toast("Order placed")
        page.dismiss_toasts()
    for price, amount, problem in [row[1:] for row in REFUSED if row[0] == locale]:
        assert type_and_send(page, price, amount) == []
        expect(page.form.locator(".problem").filter(has_text=problem)).to_be_visible()
    page.cancel_everything()
    assert page.complaints == []
