"""A person's way through the page: see the market, trade with somebody else, cancel, and outlive a dead egress."""

import os
import re
import signal
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import LIVELY, QUIET, RESTART_MS, TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange, eventually

BIDS, ASKS = ("149.00", "148.00", "147.00"), ("151.00", "152.00", "153.00")
SIZE = Decimal(400)
MAKER_PPM = 200


@pytest.fixture
def book(traders: Traders) -> Iterator[None]:
    """Of the quiet market: it stands still, and the last price is in its middle."""
    traders.trade("150.00")
    traders.quote(BIDS, ASKS, "10")
    yield
    traders.leave()


def bids(exchange: Exchange) -> list[str]:
    """The prices of the quiet market's bids, best first."""
    return [price for price, _ in exchange.get(f"depth?symbol={QUIET}&limit=1000")["bids"]][::-1]


def test_market_is_live(page: TradingPage) -> None:
    page.open(LIVELY)
    page.until("exchange.book().bids.length > 3 && exchange.book().asks.length > 3")
    expect(page.page.get_by_test_id("last-price")).to_have_text(re.compile(r"^\d[\d,]*\.\d\d$"))
    moving = page.book()["updateId"]
    page.until(f"exchange.book().updateId > {moving}")
    page.show("Trades")
    tape = page.page.get_by_role("table", name="latest trades").get_by_role("row")
    expect(tape.first).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    page.shoot("trades")
    page.show("Book")
    expect(page.page.locator("[data-side=bids] .row:not(.empty)").first).to_be_visible()
    page.shoot("book")
    page.show("Chart")
    expect(page.page.get_by_label("Bar", exact=True)).to_contain_text("Vol")
    page.shoot("market")
    width = page.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"the page is {width} px wider than the window"


def test_markets_can_be_switched(page: TradingPage) -> None:
    page.choose_market("Ether")
    page.until_live(LIVELY)
    expect(page.page).to_have_title(re.compile("ETH/USDC"))
    best = eventually(lambda: page.book()["bids"][:1], bool, "a bid")
    assert Decimal(best[0][0]) > 1000


def test_a_market_is_live_only_once_its_book_is_there(page: TradingPage) -> None:
    page.watch()
    page.show("Book")
    asked, is_held = list[Route](), True
    page.page.route("**/api/v1/depth?*", lambda route: asked.append(route) if is_held else route.continue_())
    page.choose_market("Ether")
    connection = page.page.get_by_test_id("connection")
    expect(connection).to_have_text("Synchronising")
    expect(page.page.locator(".veil")).to_have_text("Loading the book")
    expect(page.page.locator("[data-part=spread]")).to_have_text("Spread \u2013")  # no spread
    eventually(lambda: page.seen() and asked, bool, "the request for the book")
    expect(connection).to_have_text("Synchronising")
    is_held = False  # should it ask again, that goes through
    for route in asked:
        route.continue_()
    page.until_live(LIVELY)
    assert page.seen()["bookWhileAway"] == 0
    page.page.unroute_all()


def test_order_is_matched_by_a_second_account(
    book: None, page: TradingPage, exchange: Exchange, traders: Traders
) -> None:
    page.watch()
    before = page.available("SOL")
    page.tab("Open orders")
    price = "149.50"
    page.place("Buy", price, str(SIZE))
    page.toast("Order placed", f"Buy {SIZE} SOL")
    row = page.open_order(price)
    expect(row).to_be_visible()
    eventually(lambda: bids(exchange)[0], lambda best: Decimal(best) == Decimal(price), "the order in the book")
    page.show("Book")
    expect(page.page.locator("[data-side=bids] [data-is~=own]").first).to_be_visible()
    page.shoot("placed")
    traders.sell(str(SIZE), price)
    page.toast("Order filled", f"Bought {SIZE} SOL at {price} USDC")
    expect(row).to_have_count(0)
    page.shoot("filled")
    page.tab("Fills")
    fill = page.page.get_by_role("table", name="Fills").locator("tbody tr").first
    for text in ("Maker", "Buy", price):
        expect(fill).to_contain_text(text)
    expected = before + SIZE - SIZE * MAKER_PPM / 1_000_000
    eventually(lambda: page.available("SOL"), lambda now: now == expected, f"{expected} SOL in the balances")
    page.shoot("balances")
    assert page.seen()["crossed"] == 0


def test_order_is_cancelled(page: TradingPage) -> None:
    before = page.available("USDC")
    page.tab("Open orders")
    prices = ["110.00", "111.00", "112.00"]
    for price in prices:
        page.place("Buy", price, "1")
        expect(page.open_order(price)).to_be_visible()
    page.dismiss_toasts()
    page.open_order(prices[0]).get_by_role("button", name=re.compile("^Cancel")).click()
    page.toast("Order cancelled")
    expect(page.open_order(prices[0])).to_have_count(0)
    page.shoot("cancelled")
    page.cancel_all()
    page.toast("Orders cancelled", "2 orders")
    expect(page.page.get_by_text("No open orders")).to_be_visible()
    eventually(lambda: page.available("USDC"), lambda now: now == before, "the held funds come back")


def test_refusals_are_told_in_words(book: None, page: TradingPage) -> None:
    page.place("Buy", "100.005", "1")
    expect(page.form.get_by_role("alert").first).to_have_text("The price moves in steps of 0.01: try 100.00 or 100.01")
    page.fill_form("Buy", "100", "999999999")
    expect(page.form.get_by_role("alert").first).to_contain_text("The largest order is 1000000 SOL")
    page.shoot("refused")
    page.place("Buy", "140", "3", "FOK")
    page.toast("Order expired", "it could not be filled completely at once")
    page.dismiss_toasts()
    page.place("Buy", "3000", "1")
    expect(page.page.get_by_role("dialog")).to_contain_text("worse than the best ask")
    page.confirm("Buy")
    page.toast("Price refused")
    page.shoot("rejected")


def test_market_order_is_filled_at_once(book: None, page: TradingPage) -> None:
    page.open_ticket("Sell")
    page.form.get_by_role("button", name="Market", exact=True).click()
    page.form.get_by_role("group", name="Side").get_by_role("button", name="Sell").click()
    page.form.get_by_label("Amount").fill("1.2")
    expect(page.form.locator("[data-part=estimate]")).to_contain_text(f"≈ {BIDS[0]} USDC")
    page.send()
    page.toast("Order filled", f"Sold 1.2 SOL at {BIDS[0]} USDC")


def test_of_a_market_order_larger_than_the_book_one_thing_is_said(book: None, page: TradingPage) -> None:
    page.open_ticket("Sell")
    page.form.get_by_role("button", name="Market", exact=True).click()
    page.form.get_by_role("group", name="Side").get_by_role("button", name="Sell").click()
    page.form.get_by_label("Amount").fill("90000")
    said, estimate = page.form.get_by_role("alert"), page.form.locator("[data-part=estimate]")
    there = r"Only [\d.,]+ SOL are wanted down to [\d.]+, for [\d.,]+ USDC: the rest would expire"
    expect(said).to_have_text(re.compile(f"^{there}$"))
    expect(estimate).to_contain_text(re.compile(r"Proceeds, down to there≈ [\d.,]+ USDC"))
    page.form.get_by_label("Amount").fill("900000")
    page.form.get_by_label("Amount").blur()
    expect(said).to_have_text(re.compile("^Not enough SOL: this needs 900,000, you have "))
    page.shoot("larger-than-the-book")


def test_ladder_price_goes_into_the_form_by_keyboard(book: None, page: TradingPage) -> None:
    page.open_ticket("Buy")
    price = page.form.get_by_label("Price")
    expect(price).to_have_value("149")  # the first price, of the best bid
    page.show("Book")
    expect(page.page.locator("[data-side=bids] .row:not(.empty)")).to_have_count(len(BIDS))
    ladder = page.page.get_by_role("listbox")
    ladder.focus()
    for _ in BIDS:
        ladder.press("ArrowDown")
    expect(page.page.locator("[data-side=bids] [data-is~=chosen] span").first).to_have_text(BIDS[-1])
    ladder.press("Enter")
    expect(price).to_have_value("147")


@desktop_only
def test_page_recovers_from_a_killed_egress(page: TradingPage, exchange: Exchange) -> None:
    page.open(LIVELY)
    page.watch()
    (pid,) = exchange.pids("egress")
    os.kill(pid, signal.SIGKILL)
    page.until("seen.states.includes('Reconnecting')")
    page.shoot("disconnected")
    page.until_live(LIVELY, RESTART_MS)
    seen = page.seen()
    assert seen["bookWhileAway"] == 0, "no old book was shown"
    assert seen["crossed"] == 0
    moving = page.book()["updateId"]
    page.until(f"exchange.book().updateId > {moving}", RESTART_MS)  # the market maker has lost its streams, too
    page.tab("Open orders")
    page.place("Buy", "2500.00", "1")
    expect(page.open_order("2,500.00")).to_be_visible()
    page.cancel_all()
    page.toast("Orders cancelled")
    page.shoot("recovered")
