"""The page's addresses: each shows what it names, also after Back, and whatever way one came."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import LIVELY, QUIET, TradingPage
from tests.browser.traders import Traders

MOST_TABS = 250


@pytest.fixture
def book(traders: Traders) -> Iterator[None]:
    traders.quote(("149.00",), ("151.00",), "10")
    yield
    traders.leave()


def tab_to(page: TradingPage, what: str) -> None:
    """As somebody without a pointer comes to what has this name; it takes some patience and no luck."""
    name = "(e => e.ariaLabel || (e.labels?.[0] ?? e).textContent.trim())(document.activeElement)"
    for _ in range(MOST_TABS):
        page.page.keyboard.press("Tab")
        if re.match(what, page.page.evaluate(name)):
            return
    raise AssertionError(f"the Tab key does not come to {what}")


def heading(page: TradingPage, text: str) -> None:
    expect(page.page.get_by_role("heading", level=1)).to_have_text(re.compile(re.escape(text)))


def shows(page: TradingPage, symbol: str) -> None:
    """The market at its address."""
    page.until_live(symbol)
    expect(page.page).to_have_url(re.compile(rf"/trade/{symbol}$"))
    heading(page, symbol.replace("_", "/"))


@desktop_only
def test_a_market_has_an_address_and_a_place_in_the_history(page: TradingPage) -> None:
    address = page.exchange.run["http"]
    page.choose_market("Ether")
    shows(page, LIVELY)
    page.page.go_back()
    shows(page, QUIET)
    page.page.go_forward()
    shows(page, LIVELY)
    page.page.goto(address)  # the market seen last
    shows(page, LIVELY)
    page.page.goto(f"{address}/#{QUIET}")  # a link from before there were paths
    shows(page, QUIET)
    page.page.goto(f"{address}/trade/{LIVELY.lower()}")  # as it may be typed
    shows(page, LIVELY)


@desktop_only
def test_a_market_that_is_none_is_not_shown_under_another_name(page: TradingPage) -> None:
    address = page.exchange.run["http"]
    page.page.goto(f"{address}/#NOPE_USDC")
    heading(page, "There is no market NOPE_USDC")
    expect(page.page).to_have_url(re.compile("/trade/NOPE_USDC$"))
    answer = page.page.goto(f"{address}/trade/NOPE_USDC")
    assert answer and answer.status == 404
    heading(page, "There is no market NOPE_USDC")
    expect(page.page.get_by_role("main").get_by_role("link", name="markets", exact=True)).to_be_visible()
    page.shoot("no-market")
    page.page.get_by_role("link", name=QUIET).click()
    shows(page, QUIET)


def test_markets_are_found_by_symbol_and_name_with_the_keyboard_alone(page: TradingPage) -> None:
    keyboard = page.page.keyboard
    page.page.locator("h1 button").focus()
    keyboard.press("/")
    picker = page.page.get_by_role("dialog", name="Choose a market")
    box = picker.get_by_role("combobox")
    expect(box).to_be_focused()
    everything = picker.get_by_role("option")
    count = everything.count()
    assert count > 1
    for text in ("eth", "Ether", "eth_usdc", "ETH/USDC"):
        box.fill(text)
        expect(everything.first).to_contain_text("ETH/USDC")
    box.fill("")
    expect(everything).to_have_count(count)
    keyboard.press("ArrowUp")  # round to the last
    expect(everything.last).to_have_attribute("aria-selected", "true")
    page.shoot("picker")
    keyboard.press("ArrowDown")
    expect(everything.first).to_have_attribute("aria-selected", "true")
    box.fill("nothing of the kind")
    expect(picker).to_contain_text("No market of that symbol or name")
    keyboard.press("Enter")  # chooses nothing
    keyboard.press("Escape")
    keyboard.press("Control+k")
    box.fill("ether")
    keyboard.press("Enter")
    shows(page, LIVELY)


@desktop_only
def test_a_trade_by_keyboard_alone(book: None, page: TradingPage) -> None:
    """From the list of markets to the fill."""
    page.page.goto(f"{page.exchange.run['http']}/markets")
    expect(page.page.get_by_role("table", name="Markets").locator("tbody tr")).not_to_have_count(0)
    keyboard = page.page.keyboard
    tab_to(page, "SOL/USDC")
    keyboard.press("Enter")
    shows(page, QUIET)
    tab_to(page, "Price$")
    keyboard.press("Control+a")
    keyboard.type("151.00")
    tab_to(page, "Amount$")
    keyboard.type("0.5")
    keyboard.press("Enter")
    page.toast("Order filled", "Bought 0.5 SOL at 151.00 USDC")
