"""What axe finds in both themes: nothing, on every route, tab and dialog in two sizes, and on every route in eight."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ROOT, SCREENSHOTS, new_context
from tests.browser.driver import QUIET, TradingPage
from tests.browser.users import button, dialog, sign_up
from tests.exchange import Exchange

AXE = ROOT / "frontend/node_modules/axe-core/axe.min.js"
ROUTES = {
    "Markets": "/markets",
    "Orders": "/orders",
    "Portfolio": "/portfolio",
    "Settings": "/settings",
    "API": "/docs",
    "Status": "/status",
}

WIDTHS = {360: 800, 390: 844, 768: 1024, 1024: 768, 1280: 720, 1440: 900, 1920: 1080, 2560: 1440}
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def findings(page: Page) -> list[str]:
    """Into the page past its content-security policy, which lets no script in."""
    session = page.context.new_cdp_session(page)
    session.send("Runtime.evaluate", {"expression": AXE.read_text()})
    found = session.send("Runtime.evaluate", {"expression": "axe.run()", "awaitPromise": True, "returnByValue": True})[
        "result"
    ]["value"]
    session.detach()
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


class Walk:
    """Everything that a person can open, one after another, and what axe finds there."""

    def __init__(self, page: TradingPage) -> None:
        self.page = page
        self.found: dict[str, list[str]] = {}

    def look(self, where: str) -> None:
        self.page.shoot(f"axe-{where}")
        if found := findings(self.page.page):
            self.found[where] = found

    def each(self, locator: Any, where: str) -> None:
        for number in range(locator.count()):
            chosen = locator.nth(number)
            name = chosen.inner_text()
            chosen.click()
            self.look(f"{where}, {name}")

    def in_dialog(self, title: str, open_it: Callable[[], None]) -> None:
        open_it()
        box = dialog(self.page, title)
        self.look(title)
        self.page.page.keyboard.press("Escape")
        expect(box).to_have_count(0)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(browser: Browser, exchange: Exchange, size: str, theme: Literal["dark", "light"]) -> None:
    context = new_context(browser, size, theme)
    page = TradingPage(context.new_page(), exchange, SCREENSHOTS, f"{size}-{theme}")
    page.is_phone = size == "phone"
    page.open(QUIET)
    walk = Walk(page)
    walk.look("trade")
    views = page.page.get_by_role("group", name="Market view" if page.is_phone else "Book or trades")
    walk.each(views.get_by_role("button"), "trade")
    page.tab("Fills")
    walk.each(page.page.get_by_role("tab"), "ledger")
    page.open_ticket("Buy")
    walk.each(page.form.get_by_role("group", name="Order type").get_by_role("button"), "ticket")
    walk.in_dialog("Buy 50,000 SOL at 100.00 USDC?", lambda: page.place("Buy", "100", "50000"))
    page.close_ticket()
    walk.in_dialog("Choose a market", lambda: page.page.keyboard.press("Control+k"))
    walk.in_dialog("Sign up", lambda: _open_sign_up(page))
    sign_up(page)
    for title in ("API keys", "Security"):
        walk.in_dialog(title, lambda title=title: button(page, title).click())  # type: ignore[misc]
    button(page, "Log out").click()
    expect(page.page.get_by_test_id("account-name")).to_contain_text("Demo account")
    page.until_live()
    walk.in_dialog("Log in", lambda: button(page, "Log in").click())
    for title, path in ROUTES.items():
        page.page.goto(exchange.run["http"] + path)
        expect(page.page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.page.get_by_test_id("connection")).to_have_text("Live")
        walk.look(title)
        walk.each(page.page.get_by_role("tab"), title)
    page.page.goto(f"{exchange.run['http']}/trade/NOPE_USDC")
    expect(page.page.get_by_role("heading", level=1)).to_contain_text("NOPE_USDC")
    walk.look("no such market")
    context.close()
    assert walk.found == {}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_at_any_width(browser: Browser, exchange: Exchange, theme: Literal["dark", "light"]) -> None:
    context = new_context(browser, "desktop", theme)
    page = TradingPage(context.new_page(), exchange, SCREENSHOTS, f"widths-{theme}")
    walk = Walk(page)
    for title, path in {"Trade": f"/trade/{QUIET}", **ROUTES}.items():
        page.page.goto(exchange.run["http"] + path)
        expect(page.page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.page.get_by_test_id("connection")).to_have_text("Live")
        for width, height in WIDTHS.items():
            page.page.set_viewport_size({"width": width, "height": height})
            page.page.evaluate(DRAWN)
            walk.look(f"{title}, {width}")
    context.close()
    assert walk.found == {}


def _open_sign_up(page: TradingPage) -> None:
    button(page, "Log in").click()
    dialog(page, "Log in").get_by_role("button", name="New here? Sign up").click()
