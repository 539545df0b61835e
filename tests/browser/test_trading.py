"""A person's way through the page: see the market, trade with somebody else, cancel, and outlive a dead egress."""

import os
import re
import signal
from decimal import Decimal
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.browser.driver import PATIENCE_MS, RESTART_MS, TradingPage
from tests.exchange import Exchange, eventually

TICK = Decimal("0.01")
MARKET = "SOL_USDC"
SIZE = Decimal(400)  # more than the market maker's takers eat meanwhile
MAKER_PPM = 200


def depth(exchange: Exchange) -> dict[str, Any]:
    answer = httpx.get(f"{exchange.run['http']}/api/v1/depth", params={"symbol": MARKET, "limit": 1000})
    answer.raise_for_status()
    book: dict[str, Any] = answer.json()
    return book


def inside_bid(exchange: Exchange) -> Decimal:
    """A price above every other bid that does not trade at once."""
    book = depth(exchange)
    bid, ask = Decimal(book["bids"][-1][0]), Decimal(book["asks"][0][0])
    return min(bid + TICK, ask - TICK)


def sell_into(exchange: Exchange, order_price: Decimal, until: Any) -> None:
    """The second account sells at the order's price, through better bids if there are any, until it is filled."""
    trader = exchange.trader(0)
    trader.load_markets()

    def sell() -> bool:
        ahead = sum(Decimal(size) for price, size in depth(exchange)["bids"] if Decimal(price) >= order_price)
        if ahead:
            trader.create_order("SOL/USDC", "limit", "sell", str(ahead), str(order_price), {"timeInForce": "IOC"})
        return bool(until())

    eventually(sell, bool, "the order is filled")


def test_market_is_live(page: TradingPage) -> None:
    page.until("exchange.book().bids.length > 3 && exchange.book().asks.length > 3")
    expect(page.page.get_by_test_id("last-price")).to_have_text(re.compile(r"^\d[\d,]*\.\d\d$"))
    moving = page.book()["updateId"]
    page.until(f"exchange.book().updateId > {moving}")
    page.show("Trades")
    tape = page.page.get_by_role("table", name="latest trades").get_by_role("row")
    expect(tape.first).to_have_text(re.compile(r"\d\d:\d\d:\d\d"), timeout=PATIENCE_MS)
    page.shoot("trades")
    page.show("Book")
    expect(page.page.locator(".bids .row:not(.empty)").first).to_be_visible()
    page.shoot("book")
    page.show("Chart")
    expect(page.page.locator(".legend")).to_contain_text("Vol")
    page.shoot("market")
    width = page.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"the page is {width} px wider than the window"


def test_markets_can_be_switched(page: TradingPage) -> None:
    if page.is_phone:
        page.page.locator(".market-switch").click()
    page.page.get_by_role("region", name="Markets").get_by_role("button").filter(has_text="ETH/USDC").click()
    page.until_live()
    expect(page.page).to_have_title(re.compile("ETH/USDC"))
    assert Decimal(page.book()["bids"][0][0]) > 1000


def test_order_is_matched_by_a_second_account(page: TradingPage, exchange: Exchange) -> None:
    before = page.available("SOL")
    page.tab("Open orders")
    price = inside_bid(exchange)
    page.place("Buy", str(price), str(SIZE))
    page.toast("Order placed", f"Buy {SIZE} SOL")
    row = page.open_order(str(price))
    expect(row).to_be_visible()
    assert price in [Decimal(level_price) for level_price, _ in depth(exchange)["bids"]]
    page.show("Book")
    expect(page.page.locator(".bids .row.own").first).to_be_visible()
    page.shoot("placed")
    sell_into(exchange, price, lambda: not row.count())
    page.toast("Order filled", f"Bought {SIZE} SOL")
    page.shoot("filled")
    page.tab("Fills")
    fill = page.page.get_by_role("table", name="Fills").locator("tbody tr").first
    expect(fill).to_contain_text("Maker")
    expect(fill).to_contain_text("Buy")
    expected = before + SIZE - SIZE * MAKER_PPM / 1_000_000
    eventually(lambda: page.available("SOL"), lambda now: now == expected, f"{expected} SOL in the balances")
    page.shoot("balances")
    assert page.seen()["crossed"] == 0


def test_order_is_cancelled(page: TradingPage) -> None:
    before = page.available("USDC")
    page.tab("Open orders")
    low = Decimal(page.book()["bids"][0][0]) * Decimal("0.9")
    prices = [str((low + step).quantize(TICK)) for step in (0, 1, 2)]
    for price in prices:
        page.place("Buy", price, "1")
        expect(page.open_order(price)).to_be_visible()
    page.dismiss_toasts()
    page.open_order(prices[0]).get_by_role("button").click()
    page.toast("Order cancelled")
    expect(page.open_order(prices[0])).to_have_count(0)
    page.shoot("cancelled")
    page.page.get_by_role("button", name="Cancel all").click()
    page.toast("Orders cancelled", "2 orders")
    expect(page.page.get_by_text("No open orders")).to_be_visible()
    eventually(lambda: page.available("USDC"), lambda now: now == before, "the held funds come back")


def test_refusals_are_told_in_words(page: TradingPage) -> None:
    page.place("Buy", "100.005", "1")
    expect(page.form.get_by_role("alert").first).to_have_text("The price moves in steps of 0.01: try 100 or 100.01")
    page.fill_form("Buy", "100", "999999999")
    expect(page.form.get_by_role("alert").first).to_contain_text("The largest order is 1000000 SOL")
    page.shoot("refused")
    bid = Decimal(page.book()["bids"][0][0])
    page.place("Buy", str((bid * Decimal("0.95")).quantize(TICK)), "3", "FOK")
    page.toast("Order expired", "it could not be filled completely at once")
    page.dismiss_toasts()
    page.place("Buy", str((bid * 20).quantize(TICK)), "1")
    page.toast("Price refused")
    page.shoot("rejected")


def test_market_order_is_filled_at_once(page: TradingPage) -> None:
    page.form.get_by_role("button", name="Market", exact=True).click()
    page.form.get_by_role("group", name="Side").get_by_role("button", name="Sell").click()
    page.form.get_by_label("Amount").fill("1.2")
    expect(page.form).to_contain_text("Average price")
    page.send()
    page.toast("Order filled", "Sold 1.2 SOL")


def test_ladder_price_goes_into_the_form_by_keyboard(page: TradingPage) -> None:
    page.show("Book")
    ladder = page.page.get_by_role("listbox")
    ladder.focus()
    for _ in range(3):
        ladder.press("ArrowDown")
    chosen = page.page.locator(".bids .row.chosen span").first.inner_text()
    ladder.press("Enter")
    price = page.form.get_by_label("Price")
    expect(price).not_to_have_value("")  # the page draws it when it comes to it
    taken = Decimal(price.input_value())
    assert abs(taken - Decimal(chosen.replace(",", ""))) <= 5, "within what the market moved between the two looks"


def test_page_recovers_from_a_killed_egress(page: TradingPage, exchange: Exchange) -> None:
    (pid,) = exchange.pids("egress")
    os.kill(pid, signal.SIGKILL)
    page.until("seen.states.includes('Reconnecting')")
    page.shoot("disconnected")
    page.until_live(RESTART_MS)
    seen = page.seen()
    assert seen["bookWhileAway"] == 0, "no old book was shown"
    assert seen["crossed"] == 0
    moving = page.book()["updateId"]
    page.until(f"exchange.book().updateId > {moving}")
    page.tab("Open orders")
    low = str((Decimal(page.book()["bids"][0][0]) * Decimal("0.9")).quantize(TICK))
    page.place("Buy", low, "1")
    expect(page.open_order(low)).to_be_visible()
    page.page.get_by_role("button", name="Cancel all").click()
    page.toast("Orders cancelled")
    page.shoot("recovered")
