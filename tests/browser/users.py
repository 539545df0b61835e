"""What a user does with the page's corner and its dialogs, and what a screen reader is given of them."""

import re
import time
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.driver import TradingPage

PASSWORD = "correct horse battery"  # of users that end with the test
FOCUSABLE = ("button", "textbox", "checkbox", "tab", "link", "listbox", "combobox", "spinbutton", "radio", "slider")

# Where the focus is: in the dialog, nowhere on the page (the browser's own controls), or behind the dialog.
FOCUS = """() => {
  const at = document.activeElement, dialog = document.querySelector('dialog');
  if (at === document.body || at === null) return 'browser';
  return dialog && dialog.contains(at) ? 'dialog' : at.outerHTML.slice(0, 80);
}"""


def menu(page: TradingPage) -> Locator:
    return page.page.get_by_role("button", name="Menu")


def button(page: TradingPage, name: str) -> Locator:
    """Of the account, which on a phone is in the menu: then that is open."""
    if page.is_phone and not page.page.locator(":popover-open").count():
        menu(page).click()
    return page.page.get_by_test_id("account").get_by_role("button", name=name, exact=True).first


def dialog(page: TradingPage, title: str) -> Locator:
    found = page.page.get_by_role("dialog", name=title)
    expect(found).to_be_visible()
    return found


def enter(page: TradingPage, how: str, name: str, password: str = PASSWORD) -> Locator:
    """Fill in and send the dialog of logging in or signing up."""
    button(page, "Log in").click()
    box = dialog(page, "Log in")
    if how == "Sign up":
        box.get_by_role("button", name="New here? Sign up").click()
        box = dialog(page, "Sign up")
    box.get_by_label("Name").fill(name)
    box.get_by_label("Password").fill(password)
    box.get_by_role("button", name=how, exact=True).click()
    return box


def is_user(page: TradingPage, name: str) -> None:
    expect(page.page.get_by_test_id("account-name")).to_have_text(name)
    page.until_live()


def is_nobody(page: TradingPage) -> None:
    """Logged out: the page has come again, with the account that the demo gives to anybody."""
    expect(page.page.get_by_test_id("account-name")).to_have_text(re.compile("Demo account"))
    page.until_live()


def sign_up(page: TradingPage) -> str:
    """A new user, logged in."""
    name = f"u{time.time_ns() % 10**12}"
    enter(page, "Sign up", name)
    is_user(page, name)
    return name


def unnamed(page: TradingPage) -> list[Any]:
    """What the browser tells a screen reader can be operated, and has no name."""
    session = page.page.context.new_cdp_session(page.page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    operated = [node for node in nodes if node.get("role", {}).get("value") in FOCUSABLE and not node["ignored"]]
    assert operated
    return [node for node in operated if not node.get("name", {}).get("value")]
