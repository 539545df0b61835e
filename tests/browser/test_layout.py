"""What there is room for: nothing is cut on a phone, and on a desk the book and the ledger keep their rows."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import desktop_only, phone_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders

WIDTHS = (320, 360, 390, 414)
HEIGHT = 800
HEIGHTS = (700, 757, 800, 900, 1080)
LEVELS, ORDERS = 8, 4
MOST_ORDERS = 10  # in the window that most desks have
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# Text and controls that something cuts off: an ancestor that hides what leaves it, or the edge of the window. In words
# of what is cut and by what. `mayScroll`: what can be scrolled to by keyboard is not cut.
CUT = """(mayScroll) => {
  const found = new Set();
  const [hides, scrolls] = [["hidden", "clip"], ["auto", "scroll"]];
  const name = (e) => `${e.tagName.toLowerCase()} ${e.getAttribute("aria-label") ?? e.textContent.trim().slice(0, 40)}`;
  const isForReaders = (e) => e !== null && (getComputedStyle(e).clipPath !== "none" || isForReaders(e.parentElement));
  const isHidden = (e) => e.closest("svg, option, [popover]:not(:popover-open)") !== null || isForReaders(e);
  const boxOf = (e) => {
    const texts = [...e.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const range = document.createRange();
    range.setStartBefore(texts[0]);
    range.setEndAfter(texts.at(-1));
    return range.getBoundingClientRect();
  };
  for (const e of document.querySelectorAll("body *")) {
    if (isHidden(e) || !e.checkVisibility({visibilityProperty: true})) continue;
    const isText = [...e.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    const isField = e.matches("input, select, textarea");
    if (!isText && !isField) continue;
    if (e.matches("input") && e.scrollWidth > e.clientWidth + 1) found.add(`${name(e)}: its own text`);
    const box = isField ? e.getBoundingClientRect() : boxOf(e);
    let [isReachable, isScrolled] = [false, false];
    for (let a = e; a && !isReachable; a = a.parentElement) {
      const style = getComputedStyle(a);
      const around = a.getBoundingClientRect();
      const isBeside = box.left < around.left - 1 || box.right > around.right + 1;
      const isBelow = box.top < around.top - 1 || box.bottom > around.bottom + 1;
      const isByKeyboard = a.tabIndex === 0 || e.matches("a");
      if (mayScroll && isBeside && scrolls.includes(style.overflowX) && isByKeyboard) isReachable = true;
      else if (isBeside && style.overflowX !== "visible") found.add(`${name(e)}: beside ${a.className || a.tagName}`);
      else if (isBelow && scrolls.includes(style.overflowY)) isScrolled = true; // which goes down, as all do
      else if (isBelow && !isScrolled && hides.includes(style.overflowY)) found.add(`${name(e)}: below ${a.className}`);
    }
    if (!isReachable && (box.left < -1 || box.right > innerWidth + 1)) found.add(`${name(e)}: beside the window`);
  }
  return [...found];
}"""

LAID_OUT = """() => {
  const body = document.querySelector("#ledger-body").getBoundingClientRect();
  const rows = [...document.querySelectorAll("#ledger-body tbody tr")].map((row) => row.getBoundingClientRect());
  return {
    levels: [...document.querySelectorAll("[data-side]")].map((side) => side.querySelectorAll(".row").length),
    orders: rows.filter((row) => row.top >= body.top && row.bottom <= body.bottom + 1).length,
    scrolls: document.documentElement.scrollHeight > innerHeight,
  };
}"""


@pytest.fixture
def traded(traders: Traders) -> Iterator[None]:
    traders.trade("150.00")
    traders.quote(("149.00",), ("151.00",), "10000")
    yield
    traders.leave()


class Looking:
    """At what is on the screen, in every width of a phone."""

    def __init__(self, page: TradingPage) -> None:
        self.page = page
        self.found: dict[str, list[str]] = {}

    def look(self, where: str, may_scroll: bool = False) -> None:
        for width in WIDTHS:
            self.page.page.set_viewport_size({"width": width, "height": HEIGHT})
            self.page.page.evaluate(DRAWN)
            if found := self.page.page.evaluate(CUT, may_scroll):
                self.found[f"{where}, {width}"] = found
            self.page.shoot(f"layout-{where}-{width}")


@phone_only
def test_nothing_is_cut_on_a_phone(traded: None, page: TradingPage) -> None:
    page.place("Buy", "15.01", "600000.01")
    page.confirm("Buy")
    page.toast("Order placed")
    page.place("Buy", "151.00", "1234.56")
    page.toast("Order filled")
    page.close_ticket()
    page.dismiss_toasts()
    looking = Looking(page)
    for view in ("Chart", "Book", "Trades"):
        page.show(view)
        looking.look(view)
    for tab in ("Open orders", "Order history", "Fills", "Balances"):
        page.tab(tab)
        looking.look(tab)
    page.page.locator("h1 button").click()
    looking.look("picker")
    page.page.keyboard.press("Escape")
    for side, kind in (
        ("Buy", "Limit"),
        ("Sell", "Market"),
        ("Buy", "Stop"),
        ("Sell", "Take-profit"),
        ("Buy", "Iceberg"),
    ):
        page.open_ticket(side)
        page.form.get_by_role("button", name=kind, exact=True).click()
        looking.look(f"ticket, {kind}")
    page.send()
    expect(page.form.get_by_role("alert")).not_to_be_empty()
    looking.look("ticket, refused")
    page.close_ticket()
    for path in ("markets", "portfolio", "orders", "settings", "status", "docs", "trade/NOPE_USDC"):
        page.page.goto(f"{page.exchange.run['http']}/{path}")
        expect(page.page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.page.get_by_test_id("connection")).to_have_text("Live")
        looking.look(path, may_scroll=path == "docs")  # tables to look things up in; nothing that one trades by
        tabs = page.page.get_by_role("tab")
        for number in range(tabs.count()):
            tabs.nth(number).click()
            looking.look(f"{path}, {tabs.nth(number).inner_text()}")
    page.open(QUIET)
    page.cancel_everything()
    assert not looking.found, "\n".join(f"{where}: {found}" for where, found in looking.found.items())


COVERED = """() => {
  const toast = document.querySelector("[data-testid=toast]").getBoundingClientRect();
  const parts = {orders: "[data-part=lower]", form: "[aria-label='Order form']", header: "header"};
  const isOver = (box) => box.left < toast.right && box.right > toast.left
    && box.top < toast.bottom && box.bottom > toast.top;
  return Object.keys(parts).filter((name) => isOver(document.querySelector(parts[name]).getBoundingClientRect()));
}"""


@desktop_only
def test_messages_cover_neither_orders_nor_form(page: TradingPage) -> None:
    for width, height in ((1024, 768), (1440, 900), (1920, 1080)):
        page.page.set_viewport_size({"width": width, "height": height})
        page.place("Buy", "120.00", "1")
        shown = page.page.get_by_test_id("toast").first
        expect(shown).to_be_visible()
        shown.hover()  # and it stays
        assert page.page.evaluate(COVERED) == [], f"{width} x {height}"
        page.shoot(f"toast-{width}")
        page.dismiss_toasts()
    page.cancel_everything()


@desktop_only
def test_the_book_and_the_ledger_keep_their_rows_at_every_height(page: TradingPage) -> None:
    for tick in range(ORDERS):
        page.place("Buy", f"120.0{tick}", "1")
        expect(page.open_order(f"120.0{tick}")).to_be_visible()
    page.dismiss_toasts()
    for width in (1024, 1280, 1440, 1920):
        for height in HEIGHTS:
            page.page.set_viewport_size({"width": width, "height": height})
            page.page.evaluate(DRAWN)
            seen = page.page.evaluate(LAID_OUT)
            assert min(seen["levels"]) >= LEVELS, f"{width} x {height}: {seen}"
            assert seen["orders"] == ORDERS, f"{width} x {height}: {seen}"
            assert not seen["scrolls"], f"{width} x {height}: {seen}"
        page.shoot(f"layout-{width}")
    for tick in range(ORDERS, MOST_ORDERS):
        page.place("Buy", f"120.{tick:02}", "1")
        expect(page.open_order(f"120.{tick:02}")).to_be_visible()
    page.page.set_viewport_size({"width": 1440, "height": 900})
    page.page.evaluate(DRAWN)
    seen = page.page.evaluate(LAID_OUT)
    assert (seen["orders"], min(seen["levels"]) >= LEVELS, seen["scrolls"]) == (MOST_ORDERS, True, False), seen
    page.cancel_everything()
