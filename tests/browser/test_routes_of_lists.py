"""The routes of lists: all markets, and all orders and fills of the account."""

import csv
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import LIVELY, QUIET, TradingPage
from tests.browser.traders import Traders
from tests.browser.users import sign_up
from tests.exchange import eventually

PAGE = 100  # rows of a history that are read at once
HEADS = ("Market", "Last price", "24h change", "24h volume", "Spread")


@pytest.fixture
def book(traders: Traders) -> Iterator[None]:
    traders.trade("150.00")
    traders.quote(("149.00",), ("151.00",), "10")
    yield
    traders.leave()


def go(page: TradingPage, path: str, title: str) -> None:
    page.page.goto(page.exchange.run["http"] + path)
    expect(page.page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.page).to_have_title(title)


def row(page: TradingPage, name: str) -> Locator:
    return page.page.get_by_role("table", name="Markets").locator("tbody tr").filter(has_text=name)


def first(page: TradingPage) -> Locator:
    return page.page.get_by_role("table", name="Markets").locator("tbody tr").first


def test_markets_are_searched_marked_and_opened(book: None, page: TradingPage) -> None:
    go(page, "/markets", "Markets")
    expect(row(page, "SOL/USDC").locator('td[data-label="Spread"]')).to_have_text("2.00")
    expect(row(page, "SOL/USDC").locator("polyline")).to_have_attribute("points", re.compile(r"\d"))
    page.page.get_by_role("button", name="Favourite ETH/USDC").click()
    expect(first(page)).to_contain_text("ETH/USDC")
    page.page.reload()
    expect(first(page)).to_contain_text("ETH/USDC")  # remembered
    only = page.page.get_by_role("checkbox", name="Favourites only")
    only.check()
    page.page.reload()
    expect(only).to_be_checked()
    expect(page.page.get_by_role("table", name="Markets").locator("tbody tr")).to_have_count(1)
    only.uncheck()
    page.shoot("markets")
    search = page.page.get_by_role("searchbox", name="Search markets")
    search.fill("solana")
    expect(first(page)).to_contain_text("SOL/USDC")
    search.fill("")
    page.page.get_by_role("button", name="Favourite ETH/USDC").click()
    row(page, "ETH/USDC").get_by_role("link").click()
    page.until_live(LIVELY)
    expect(page.page).to_have_url(re.compile(rf"/trade/{LIVELY}$"))


@desktop_only
def test_markets_are_sorted_by_each_column(page: TradingPage) -> None:
    go(page, "/markets", "Markets")
    table = page.page.get_by_role("table", name="Markets")
    for name in HEADS:
        head = table.get_by_role("columnheader", name=name)
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", "ascending" if name == "Market" else "descending")
    table.get_by_role("columnheader", name="Market").get_by_role("button").click()
    expect(first(page)).to_contain_text("BTC/USDC")


def tab(page: TradingPage, name: str) -> None:
    page.page.get_by_role("tab", name=name).click()


def rows_of(page: TradingPage, name: str) -> Locator:
    return page.page.get_by_role("table", name=name).locator("tbody tr")


def test_orders_and_fills_are_filtered_and_saved(book: None, page: TradingPage, tmp_path: Path) -> None:
    page.place("Buy", "148.00", "0.5")
    page.toast("Order placed")
    page.place("Buy", "151.00", "0.25")
    page.toast("Order filled")
    go(page, "/orders", "Orders")
    expect(rows_of(page, "Open orders")).to_have_count(1)
    page.shoot("orders")
    side = page.page.get_by_role("combobox", name="Side")
    side.select_option("Sell")
    expect(page.page.get_by_text("No open orders")).to_be_visible()
    side.select_option("Buy")
    tab(page, "Fills")
    expect(rows_of(page, "Fills").first).to_contain_text("151.00")
    page.page.get_by_role("combobox", name="Market").select_option(LIVELY)
    expect(page.page.get_by_text(re.compile("^No fills yet|^None among the newest fills"))).to_be_visible()
    page.page.get_by_role("combobox", name="Market").select_option(QUIET)
    with page.page.expect_download() as started:
        page.page.get_by_role("button", name="Download all as CSV").click()
    file = tmp_path / started.value.suggested_filename
    started.value.save_as(file)
    assert file.name == f"fills-{QUIET}.csv"
    with file.open(newline="") as text:
        newest = next(csv.DictReader(text))
    assert (Decimal(newest["price"]), newest["side"], newest["symbol"]) == (151, "Bid", QUIET)
    tab(page, "Order history")
    eventually(lambda: rows_of(page, "Order history").first.inner_text(), lambda text: "151.00" in text, "the order")
    tab(page, "Open orders")
    rows_of(page, "Open orders").get_by_role("button", name=re.compile("^Cancel")).first.click()
    expect(page.page.get_by_text("No open orders")).to_be_visible()


def test_settings_are_applied_at_once_and_remembered(page: TradingPage) -> None:
    go(page, "/settings", "Settings")
    root = page.page.locator("html")
    # What is drawn follows a frame after the click: a choice is told by what is shown, not at once.
    for name in ("Light", "Blue and orange", "1.234,5"):
        page.page.get_by_label(name, exact=True).click()
        expect(page.page.get_by_label(name, exact=True)).to_be_checked()
    for name in ("Cancelling all orders", "Keys of one character are on"):
        page.page.get_by_label(name).click()
        expect(page.page.get_by_label(name)).not_to_be_checked()
    page.page.reload()
    expect(root).to_have_attribute("data-colours", "light")
    expect(root).to_have_attribute("data-palette", "safe")
    expect(page.page.get_by_label("Cancelling all orders")).not_to_be_checked()
    expect(page.page.get_by_label("1.234,5")).to_be_checked()
    page.shoot("settings")
    page.page.get_by_label("Keys of one character are on").focus()
    page.page.keyboard.press("/")
    expect(page.page.get_by_role("dialog")).to_have_count(0)
    expect(page.page.get_by_role("region", name="API keys")).to_be_visible()


def test_the_portfolio_counts_what_is_held_and_what_came_of_it(book: None, page: TradingPage) -> None:
    sign_up(page)  # an account that has traded nothing
    eventually(lambda: page.available("USDC"), bool, "what a new user of the demo is given")
    page.place("Buy", "151.00", "2")
    page.toast("Order filled")
    page.place("Sell", "149.00", "1")
    page.toast("Order filled", "Sold 1 SOL at 149.00")
    go(page, "/portfolio", "Portfolio")
    expect(page.page.get_by_test_id("equity")).to_have_text(re.compile(r"^[\d,]+\.\d\d USDC$"))
    row = page.page.get_by_role("table", name="Assets", exact=True).locator('tr[data-asset="SOL"]')
    expect(row.locator('td[data-label="Average cost"]')).to_have_text(re.compile(r"^151\.\d+$"))  # and the fee
    expect(row.locator('td[data-label="Realised"]')).to_have_text(re.compile("^\N{MINUS SIGN}2[.]\\d\\d$"))
    deposits = page.page.get_by_role("table", name="Deposits and withdrawals")
    expect(deposits.locator("tbody tr").first).to_contain_text("Deposit")
    page.shoot("portfolio")
    # What comes while one looks, without a word to the page; and equity says what it leaves out.
    number = page.page.evaluate("fetch('/api/v1/session').then(answer => answer.json()).then(({account}) => account)")
    assert page.exchange.command("deposit", str(number), "XRP", "7.5").returncode == 0
    expect(deposits.locator("tbody tr").first).to_contain_text("7.50 XRP")
    without = page.page.get_by_role("table", name="Assets", exact=True).locator("tr").filter(has_text="without a price")
    names = without.locator('[data-label="Asset"]').all_inner_texts()
    assert "XRP" in names
    for name in names:
        expect(page.page.get_by_test_id("unpriced")).to_contain_text(name)


@desktop_only
def test_all_orders_that_are_listed_are_cancelled_at_once(page: TradingPage) -> None:
    for side, price in (("Buy", "120.00"), ("Buy", "121.00"), ("Sell", "180.00")):
        page.place(side, price, "1")
        expect(page.open_order(price)).to_be_visible()
    page.dismiss_toasts()
    go(page, "/orders", "Orders")
    expect(rows_of(page, "Open orders")).to_have_count(3)
    side_choice = page.page.get_by_role("combobox", name="Side")
    side_choice.select_option("Buy")
    page.page.get_by_role("button", name="Cancel all").click()
    expect(page.page.get_by_role("dialog")).to_contain_text("Cancel all 2 open orders to buy?")
    page.confirm("Cancel all")
    page.toast("Orders cancelled", "2 orders")
    expect(page.page.get_by_text("No open orders")).to_be_visible()
    expect(page.page.get_by_role("button", name="Cancel all")).to_be_disabled()
    side_choice.select_option("Both sides")
    expect(rows_of(page, "Open orders")).to_have_count(1)
    page.cancel_all()
    expect(page.page.get_by_text("No open orders")).to_be_visible()


@desktop_only
def test_what_was_before_is_loaded_when_it_is_wanted(page: TradingPage, traders: Traders) -> None:
    page.place("Buy", "140.00", "1.10")
    page.toast("Order placed")
    for _ in range(PAGE + 10):
        traders.sell("0.01", "140.00")
    page.toast("Order filled")
    go(page, "/orders", "Orders")
    tab(page, "Fills")
    fills = rows_of(page, "Fills")
    expect(fills).to_have_count(PAGE)
    expect(page.page.get_by_role("tabpanel")).to_contain_text("These go back to")
    page.page.get_by_role("button", name="Load older fills").click()
    eventually(fills.count, lambda count: count >= PAGE + 10, "all fills of the order")
    page.shoot("older")
