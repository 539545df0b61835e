"""The ticket and what becomes of its orders: every kind that the exchange takes, amended, in the queue, cancelled."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import desktop_only, phone_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange, eventually

NEVER_TRADED = "XRP_USDC"  # it has no market maker either
TOUCH_PX, POINTER_PX = 44, 24


@pytest.fixture
def book(traders: Traders) -> Iterator[None]:
    """Of the quiet market: two of a side, and the last price in the middle."""
    traders.trade("150.00")
    traders.quote(["149.00", "148.00"], ["151.00", "152.00"], "10")
    yield
    traders.leave()


def cell(row: Locator, label: str) -> Locator:
    return row.locator(f'[data-label="{label}"]')


def choose(page: TradingPage, side: str, kind: str) -> None:
    page.open_ticket(side)
    page.form.get_by_role("group", name="Side").get_by_role("button", name=side).click()
    page.form.get_by_role("button", name=kind, exact=True).click()


def fill(page: TradingPage, **fields: str) -> None:
    for label, text in fields.items():
        page.form.get_by_label(label, exact=True).fill(text)


@desktop_only
def test_every_kind_of_order_waits_as_it_was_meant(book: None, page: TradingPage) -> None:
    choose(page, "Sell", "Stop")
    fill(page, Trigger="140", Price="139.5", Amount="1")
    page.send()
    page.toast("Order placed", "Sell 1 SOL")
    row = page.open_order("Stop limit")
    expect(cell(row, "Trigger")).to_have_text("140.00")
    expect(cell(row, "Price")).to_have_text("139.50")

    choose(page, "Sell", "Take-profit")
    page.form.get_by_role("button", name="at the market").click()
    fill(page, Trigger="149", Amount="1")
    page.send()
    expect(page.form.get_by_role("alert")).to_contain_text("Take-profit to sell triggers above the last price, 150")
    fill(page, Trigger="160")
    page.send()
    row = page.open_order("Take-profit market")
    expect(cell(row, "Trigger")).to_have_text("160.00")
    page.shoot("triggers")

    choose(page, "Buy", "Iceberg")
    fill(page, Price="147", Amount="5", Shown="2")
    page.send()
    expect(cell(page.open_order("Iceberg"), "Type")).to_have_text("Iceberg 2 shown")
    page.until("exchange.book().bids.some(([price, shown]) => price === '147' && shown === '2')")
    page.cancel_everything()


def test_an_order_is_amended_in_its_row(page: TradingPage) -> None:
    page.place("Buy", "120.00", "5")
    row = page.open_order("SOL/USDC")
    for label, text, told, shown in (
        ("New amount", "4", "Keeps its place in the queue", "Amount"),
        ("New price", "121", "Goes to the end of the queue", "Price"),
    ):
        row.get_by_role("button", name=re.compile("^More for buy")).click()
        page.page.get_by_role("menuitem", name="Amend").click()
        row.get_by_label(label).fill(text)
        expect(page.page.get_by_role("status", name="What the change means")).to_have_text(told)
        page.shoot("amending")
        row.get_by_label(label).press("Enter")
        page.toast("Order amended")
        page.dismiss_toasts()
        expect(cell(row, shown)).to_have_text(re.compile(f"^{text}"))
    page.cancel_everything()


@desktop_only
def test_the_place_in_the_queue_is_known(book: None, page: TradingPage, traders: Traders) -> None:
    page.place("Buy", "149.00", "1")
    place = cell(page.open_order("149.00"), "Before it")
    expect(place).to_have_text("10 1 order")
    traders.sell("4", "149.00")
    expect(place).to_have_text("6 1 order")
    traders.sell("6", "149.00")
    expect(place).to_have_text("first")
    page.cancel_everything()


@pytest.mark.parametrize("window", [(1280, 720), (1024, 768), (390, 844)])
@desktop_only
def test_cancel_is_in_sight_beside_long_numbers(page: TradingPage, window: tuple[int, int]) -> None:
    page.place("Buy", "15.01", "600000.01")
    page.confirm("Buy")
    page.page.set_viewport_size({"width": window[0], "height": window[1]})
    page.is_phone = window[0] < 700  # the page is now one
    cancel = page.open_order("600,000.01").get_by_role("button", name=re.compile("^Cancel buy 600,000.01"))
    page.dismiss_toasts()
    cancel.scroll_into_view_if_needed()
    box = cancel.bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= window[0], f"{box} in {window}"
    under = "([x, y]) => document.elementFromPoint(x, y)?.textContent"
    assert page.page.evaluate(under, [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]) == "Cancel"
    page.shoot(f"long-{window[0]}")
    page.cancel_everything()


@desktop_only
def test_a_market_that_never_traded_has_no_prices(page: TradingPage) -> None:
    page.open(NEVER_TRADED)
    expect(page.page.get_by_test_id("last-price")).to_have_text("\u2013")
    expect(page.page.get_by_role("region", name="Price chart")).to_contain_text("Nothing has been traded")


@desktop_only
def test_the_book_and_the_tape_show_what_is_asked_of_them(book: None, page: TradingPage, traders: Traders) -> None:
    page.show("Book")
    region = page.page.get_by_role("region", name="Order book")
    expect(region.locator("[data-part=foot]")).to_have_text("Bids 50 % · Asks 50 %")
    bids = region.locator("[data-side=bids] .row:not(.empty)")
    bids.nth(1).hover()
    expect(region.locator("[data-part=foot]")).to_have_text("20 SOL · 2.97K USDC · average 148.50")
    region.get_by_role("button", name=re.compile("^Amount SOL")).click()
    expect(bids.first).to_contain_text("1,490.00")
    region.get_by_role("button", name="Bids", exact=True).click()
    expect(region.locator("[data-side=asks] .row")).to_have_count(0)
    page.show("Trades")
    traders.sell("12", "148.00")  # one order, two trades
    newest = page.page.get_by_role("table", name="latest trades").get_by_role("row").first
    expect(newest.get_by_role("cell")).to_have_text(["148.00", "12.00", re.compile(r"\d\d:\d\d:\d\d"), "Sell"])
    page.page.get_by_role("button", name="By order").click()
    expect(newest.get_by_role("cell").nth(1)).to_have_text("2.00")
    page.page.get_by_label("Smallest amount shown").fill("5")
    expect(newest.get_by_role("cell").nth(1)).to_have_text("10.00")


@desktop_only
def test_the_side_follows_where_one_clicks_in_the_book(book: None, page: TradingPage) -> None:
    page.show("Book")
    price, submit = page.form.get_by_label("Price"), page.form.locator("button[type=submit]")
    page.page.locator("[data-side=asks] .row:not(.empty)").first.click()
    expect(submit).to_have_text("Sell SOL")
    expect(price).to_have_value("152")
    page.page.locator("[data-side=bids] .row:not(.empty)").nth(1).click()
    expect(submit).to_have_text("Buy SOL")
    expect(price).to_have_value("148")
    page.form.get_by_role("group", name="Side").get_by_role("button", name="Sell").click()
    expect(price).to_have_value("152")


@phone_only
def test_what_a_finger_touches_is_large_enough(book: None, page: TradingPage) -> None:
    page.place("Buy", "120.00", "1")
    expect(page.open_order("120.00")).to_be_visible()
    small = f"""() => [...document.querySelectorAll('main :is(button, input, select, summary, [role=tab])')]
      .filter(each => each.checkVisibility() && !each.matches('[type=radio], [type=checkbox]'))
      .map(each => [each.getAttribute('aria-label') ?? each.textContent,
        each.closest('label, [data-part=box], button') ?? each])
      .map(([name, box]) => [name, Math.round(box.getBoundingClientRect().height)])
      .filter(([, height]) => height < {TOUCH_PX})"""
    for view in ("Chart", "Book", "Trades", "Orders"):
        page.show(view)
        assert page.page.evaluate(small) == [], view
    page.open_ticket("Sell")
    assert page.page.evaluate(small) == [], "the order form"
    page.shoot("sheet")
    page.cancel_everything()


@phone_only
def test_what_is_wrong_is_in_sight_above_the_button(page: TradingPage) -> None:
    page.page.set_viewport_size({"width": 390, "height": 600})  # lower than the order form
    for kind in ("Limit", "Stop", "Iceberg"):
        choose(page, "Buy", kind)
        page.form.get_by_label("Amount", exact=True).fill("")
        page.send()
        said = page.form.get_by_role("alert")
        expect(said).not_to_be_empty()
        box, button = said.bounding_box(), page.form.locator("button[type=submit]").bounding_box()
        assert box and button and box["y"] + box["height"] <= button["y"], kind
        at = [box["x"] + 4, box["y"] + 8]
        assert page.page.evaluate("([x, y]) => document.elementFromPoint(x, y)?.role", at) == "alert", kind
    page.shoot("wrong")


@desktop_only
def test_assets_stand_below_every_kind_of_order(page: TradingPage) -> None:
    for kind in ("Limit", "Market", "Stop", "Take-profit", "Iceberg"):
        page.form.get_by_role("button", name=kind, exact=True).click()
        expect(page.page.get_by_role("region", name="Assets of this market")).to_be_visible()


@desktop_only
def test_what_is_pointed_at_is_large_enough(book: None, page: TradingPage) -> None:
    page.place("Buy", "120.00", "1")
    expect(page.open_order("120.00")).to_be_visible()
    # But for the edge between panels, which arrow keys move as well.
    small = f"""() => [...document.querySelectorAll(':is(a, button, input, select, summary, [role=tab])')]
      .filter(each => each.checkVisibility() && !each.matches('[type=radio]'))
      .map(each => [each.getAttribute('aria-label') ?? each.textContent,
        each.closest('label, [data-part=box]') ?? each])
      .map(([name, box]) => [name, box.getBoundingClientRect()])
      .filter(([, box]) => Math.min(box.width, box.height) < {POINTER_PX} - 0.1).map(([name]) => name)"""
    for tab in ("Order history", "Fills", "Balances", "Open orders"):
        page.tab(tab)
        assert page.page.evaluate(small) == [], tab
    page.cancel_everything()


@desktop_only
def test_what_is_unusual_is_asked_about_until_it_is_not(book: None, page: TradingPage, exchange: Exchange) -> None:
    page.place("Buy", "155.00", "1")
    dialog = page.page.get_by_role("dialog")
    expect(dialog).to_contain_text("2.6 % worse than the best ask, 151.00")
    page.confirm("Back")
    asks = exchange.get(f"depth?symbol={QUIET}&limit=5")["asks"]
    assert Decimal(asks[0][1]) == Decimal(10), "nothing was sent"
    page.send()
    dialog.get_by_role("checkbox").check()
    page.confirm("Buy")
    page.toast("Order filled", "Bought 1 SOL at 151.00")
    page.dismiss_toasts()
    page.place("Buy", "155.00", "1")
    page.toast("Order filled", "Bought 1 SOL at 151.00")
    eventually(
        lambda: Decimal(exchange.get(f"depth?symbol={QUIET}&limit=5")["asks"][0][1]), lambda left: left == 8, "8"
    )


@desktop_only
def test_the_lower_panel_keeps_the_height_that_it_is_given(page: TradingPage) -> None:
    edge = page.page.get_by_role("slider", name="Height of the lower panel")
    edge.focus()
    before = int(edge.get_attribute("aria-valuenow") or 0)
    edge.press("ArrowUp")
    edge.press("ArrowUp")
    expect(edge).to_have_attribute("aria-valuenow", str(before + 64))
    page.page.reload()
    page.until_live()
    expect(edge).to_have_attribute("aria-valuenow", str(before + 64))
    box = page.page.locator("[data-part=lower]").bounding_box()
    assert box and round(box["height"]) == before + 64
    edge.focus()
    edge.press("Escape")  # as high as there is room for
    expect(edge).to_have_attribute("aria-valuenow", str(before))
