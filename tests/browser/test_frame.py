"""The frame around every route on a phone: one row with menu, market, price and lights, which stays in sight."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import desktop_only, phone_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders
from tests.browser.users import menu

ROW = 48  # pixels

# What of the header's first row is not wholly within it and the window, or lies over its neighbour.
MISPLACED = f"""() => {{
  const row = [...document.querySelectorAll('header :is(button, img, h1, p, [role=status])')]
    .filter(each => each.checkVisibility() && !each.closest('[popover]'));
  const boxes = row.map(each => [each, each.getBoundingClientRect()]);
  const isOut = ({{left, right, top, bottom}}) => left < 0 || right > innerWidth || top < 0 || bottom > {ROW} + 1;
  const out = boxes.filter(([, box]) => isOut(box));
  const over = boxes.filter(([each, box]) => boxes.some(([other, next]) => each !== other && !each.contains(other)
    && !other.contains(each) && box.left < next.left && box.right > next.left + 1));
  return [...out, ...over].map(([each]) => each.outerHTML.slice(0, 80));
}}"""


@phone_only
@pytest.mark.parametrize("width", [360, 390])
def test_menu_market_price_and_lights_stay_in_one_row(page: TradingPage, traders: Traders, width: int) -> None:
    page.page.set_viewport_size({"width": width, "height": 800})
    traders.trade("150")
    header = page.page.get_by_role("banner")
    price = header.locator("p b")
    expect(price).to_have_text("150.00")
    assert page.page.evaluate(MISPLACED) == []
    page.page.set_viewport_size({"width": width, "height": 480})  # in which every panel scrolls
    page.page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    for part in (
        price,
        menu(page),
        header.get_by_role("heading", name="SOL/USDC"),
        header.get_by_test_id("connection"),
    ):
        expect(part).to_be_in_viewport()
    views = page.page.get_by_role("group", name="Market view")
    assert views.bounding_box()["y"] >= ROW, "the choice of panels stays in sight below it"  # type: ignore[index]
    page.page.evaluate("scrollTo(0, 0)")
    page.shoot(f"frame-{width}")


@desktop_only
def test_the_menu_comes_before_the_logo_where_the_pages_do_not_fit(page: TradingPage) -> None:
    page.page.set_viewport_size({"width": 768, "height": 1024})
    logo = page.page.get_by_role("banner").get_by_role("link", name="Exchange")
    left, right = menu(page).bounding_box(), logo.bounding_box()
    assert left and right and left["x"] <= 0 and left["x"] + left["width"] <= right["x"], (left, right)
    menu(page).focus()
    page.page.keyboard.press("Tab")
    expect(logo).to_be_focused()


@phone_only
def test_the_menu_holds_pages_and_account(page: TradingPage) -> None:
    menu(page).press("Enter")
    pages = page.page.get_by_role("navigation", name="Pages")
    expect(pages).to_be_visible()
    expect(page.page.get_by_role("group", name="Account").get_by_role("button", name="Log in")).to_be_visible()
    page.shoot("menu")
    pages.get_by_role("link", name="Markets").click()
    expect(page.page).to_have_url(re.compile("/markets$"))
    expect(pages).to_be_hidden()
    page.open(QUIET)
