"""The operator's page /status, and the explained API at /docs."""

import json
import re
from decimal import Decimal

import ccxt
import pytest
from playwright.sync_api import expect

from engine_core.administration.demo import TRADERS
from engine_core.edge.refusals import Code
from tests.browser.conftest import desktop_only, phone_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders
from tests.exchange import eventually


def open_with(page: TradingPage, secret: str) -> None:
    page.page.get_by_label("Secret of the key").fill(secret)
    page.page.get_by_role("button", name="Open", exact=True).click()


def shown(page: TradingPage, fact: str) -> Decimal:
    """The number of a fact; 0 where nobody says it yet."""
    text = page.page.locator(f"[data-fact={fact}] output").inner_text()
    return Decimal(re.sub(r"[^\d.]", "", text) or 0)


def switch(page: TradingPage, action: str, state: str) -> None:
    page.page.get_by_role("button", name=f"{action} {QUIET}").click()
    page.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()
    # The cell alone: the row holds the word "Open" while its market is closed, too, on the switch.
    expect(page.page.get_by_role("row", name=QUIET).get_by_role("cell", name=state, exact=True)).to_be_visible()


@desktop_only
def test_an_administrator_watches_halts_a_market_and_resumes_it(page: TradingPage, traders: Traders) -> None:
    page.page.goto(f"{page.exchange.run['http']}/status")
    open_with(page, page.exchange.keys()[0]["secret"])
    expect(page.page.get_by_role("alert")).to_contain_text("Not for you")
    made = page.exchange.command("keys", "create", "--account", "1", "--permissions", "read,trade")
    open_with(page, json.loads(made.stdout)["secret"])
    processes = page.page.get_by_role("group", name="Processes")
    expect(processes.get_by_role("row", name="engine")).to_contain_text("active")

    def shown_while_trading() -> dict[str, Decimal]:
        traders.trade("150")
        return {fact: shown(page, fact) for fact in ("trades", "orders", "clients", "log")}

    eventually(shown_while_trading, lambda facts: min(facts.values()) > 0, "numbers on the page, while orders are sent")
    expect(page.page.locator("[data-stage=matched] td").first).to_have_text(re.compile(r"\d (µs|ms|s)$"))
    expect(page.page.locator("[data-fact=orders] polyline")).not_to_have_count(0)
    page.shoot("status")
    switch(page, "Halt", "Closed")
    try:
        with pytest.raises(ccxt.BaseError, match=Code.TRADING_PAUSED):
            traders.trade("150")
    finally:
        switch(page, "Open", "Open")
    traders.trade("150")
    page.page.get_by_role("button", name="Forget the key").click()
    expect(page.page.get_by_label("Secret of the key")).to_be_visible()


@phone_only
def test_a_browser_that_cannot_sign_lets_an_administrator_in(page: TradingPage) -> None:
    """As of a page that came by plain HTTP from another machine: the curve is the page's own then."""
    page.page.add_init_script("Object.defineProperty(Crypto.prototype, 'subtle', {value: undefined})")
    made = page.exchange.command("keys", "create", "--account", "1", "--permissions", "read", "--name", "phone")
    page.page.goto(f"{page.exchange.run['http']}/docs")
    page.page.get_by_role("link", name="Status").click()
    assert page.page.evaluate("crypto.subtle === undefined")
    open_with(page, json.loads(made.stdout)["secret"])
    expect(page.page.get_by_role("group", name="Processes").get_by_role("row", name="engine")).to_contain_text("active")
    page.shoot("status")


@desktop_only
def test_an_account_is_frozen_after_a_question_and_thawed(page: TradingPage, traders: Traders) -> None:
    made = page.exchange.command("keys", "create", "--account", "1", "--permissions", "read,trade")
    page.page.goto(f"{page.exchange.run['http']}/status")
    open_with(page, json.loads(made.stdout)["secret"])
    number = str(TRADERS[0])
    page.page.get_by_label("Account number").fill(number)
    page.page.get_by_role("button", name="Look up").click()
    found = page.page.get_by_role("group", name=f"Account {number}")
    expect(found).to_contain_text("may trade")
    found.get_by_role("button", name="Freeze").click()
    page.page.get_by_role("dialog").get_by_role("button", name="Back").click()
    expect(found).to_contain_text("may trade")
    found.get_by_role("button", name="Freeze").click()
    page.page.get_by_role("dialog").get_by_role("button", name="Freeze", exact=True).click()
    expect(found).to_contain_text("is frozen")
    try:
        with pytest.raises(ccxt.BaseError, match=Code.ACCOUNT_DEACTIVATED):
            traders.quote(["100"], [], "1")
    finally:
        found.get_by_role("button", name="Unfreeze").click()
        page.page.get_by_role("dialog").get_by_role("button", name="Unfreeze", exact=True).click()
        expect(found).to_contain_text("may trade")
    traders.trade("150")


def test_the_api_is_explained_by_what_the_exchange_says(page: TradingPage) -> None:
    page.page.goto(f"{page.exchange.run['http']}/docs")
    for title in ("Getting started", "Signing", "Routes", "Errors", "Rate limits", "Streams", "Always empty"):
        expect(page.page.get_by_role("heading", name=title, level=2, exact=True)).to_have_count(1)
    errors = page.page.locator("#errors tbody code").all_inner_texts()
    assert sorted(errors) == sorted(Code)
    expect(page.page.locator("#signing")).to_contain_text("instruction=orderExecute&orderType=Limit")
    stream = page.page.locator("#streams details").filter(has_text="depth.{symbol}").first
    stream.locator("summary").click()
    expect(stream.get_by_role("row", name="U integer", exact=True)).to_be_visible()
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing widens the page"
    page.shoot("docs")
