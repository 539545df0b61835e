"""What belongs on one line is on one, what stands beside something does not touch it, and fields look like fields."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import FloatRect, Locator, expect

from tests.browser.conftest import LONG, desktop_only, phone_only
from tests.browser.driver import TradingPage

TOUCH = 44  # pixels
NARROWEST = {"width": 320, "height": 800}
NARROW = {"width": 1024, "height": 768}  # of those that have the book beside the chart
# How many lines the texts of an element take.
LINES = """(element) => {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), tops = new Set();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const box of range.getClientRects()) if (box.width > 0) tops.add(Math.round(box.top));
  }
  return tops.size;
}"""


def boxes(found: Locator) -> list[FloatRect]:
    expect(found.first).to_be_visible()
    all_of_them = [each.bounding_box() for each in found.all()]
    assert None not in all_of_them
    return [box for box in all_of_them if box]


@phone_only
def test_the_name_of_a_market_stays_on_one_line(page: TradingPage) -> None:
    page.page.set_viewport_size(NARROWEST)
    page.page.goto(f"{page.exchange.run['http']}/markets")
    rows = page.page.get_by_role("table", name="Markets").locator("tbody tr")
    expect(rows.first).to_be_visible()
    expect(rows.filter(has_text="BTC/USDC")).to_contain_text(re.compile(r"\d\.\d"))  # with all its figures
    links = rows.get_by_role("link")
    assert {link.evaluate(LINES) for link in links.all()} == {2}  # the pair, and the asset's name below it
    changes = rows.locator("td:nth-child(4)")
    changes.first.evaluate("(cell) => cell.append(' 12,345.67%')")
    assert {change.evaluate(LINES) for change in changes.all()} == {1}
    page.shoot("markets-320")


@desktop_only
@pytest.mark.parametrize("width", [1024, 1152, 1280, 1440])
def test_the_charts_switches_are_one_line(page: TradingPage, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 768})
    switches = boxes(page.page.locator("[aria-label='Price chart'] .panel-head button"))
    assert len({box["y"] for box in switches}) == 1
    assert min(box["width"] for box in switches) >= 24
    page.shoot(f"switches-{width}")


@phone_only
def test_the_charts_switches_are_whole_on_the_narrowest_phone(page: TradingPage) -> None:
    page.page.set_viewport_size(NARROWEST)
    page.show("Chart")
    switches = boxes(page.page.locator("[aria-label='Price chart'] .panel-head button"))
    for box in switches:
        assert box["x"] >= 0 and box["x"] + box["width"] <= NARROWEST["width"], box
        assert min(box["width"], box["height"]) >= TOUCH, box
    page.shoot("switches-320")


@desktop_only
def test_the_field_that_searches_markets_looks_like_the_other_fields(page: TradingPage) -> None:
    look = """(field) => {
      const {backgroundColor, borderRadius, borderColor, borderStyle} = getComputedStyle(field);
      return [backgroundColor, borderRadius, borderColor, borderStyle, field.getBoundingClientRect().height];
    }"""
    page.page.keyboard.press("Control+k")
    chooser = page.page.get_by_role("combobox", name="Symbol or name").evaluate(look)
    page.page.keyboard.press("Escape")
    page.page.goto(f"{page.exchange.run['http']}/markets")
    assert chooser == page.page.get_by_role("searchbox", name="Search markets").evaluate(look)


@desktop_only
def test_the_books_steps_are_whole_beside_its_sides(page: TradingPage) -> None:
    page.page.set_viewport_size(NARROW)
    page.open(LONG)
    book = page.page.get_by_role("region", name="Order book")
    (panel,) = boxes(book)
    (step,) = boxes(book.get_by_role("combobox", name="Price step of the book"))
    sides = boxes(book.get_by_role("group", name="Sides of the book").get_by_role("button"))
    assert step["x"] + step["width"] <= panel["x"] + panel["width"] - 4
    assert sides[-1]["x"] + sides[-1]["width"] <= step["x"]
    page.shoot("steps")


@pytest.fixture
def order(page: TradingPage) -> Iterator[Locator]:
    """Of numbers as long as they get, where there is the least room."""
    page.page.set_viewport_size(NARROW)
    page.open(LONG)
    page.place("Buy", "0.0000079007", "3555360000")
    yield page.open_order("0.0000079007")
    page.cancel_everything()


@desktop_only
def test_a_rows_menu_and_its_fields_stand_in_line_and_apart(page: TradingPage, order: Locator) -> None:
    page.dismiss_toasts()
    order.get_by_role("button", name=re.compile("^More for buy")).click()
    items = boxes(page.page.get_by_role("menuitem"))
    assert len({box["x"] for box in items}) == 1 == len({box["width"] for box in items})
    page.shoot("menu")
    page.page.get_by_role("menuitem", name="Amend").click()
    fields = boxes(page.page.get_by_role("table", name="Open orders").get_by_role("textbox"))
    assert len(fields) == 2
    for left, right in pairwise(sorted(fields, key=lambda box: box["x"])):
        assert right["x"] - (left["x"] + left["width"]) >= 4
    for field in page.page.get_by_role("table", name="Open orders").get_by_role("textbox").all():
        assert field.evaluate("(field) => field.scrollWidth <= field.clientWidth"), field
    page.shoot("amending-fields")
    page.page.get_by_role("button", name="Back", exact=True).click()
