"""A user's way in and out: sign up, log in, log out, make and revoke keys; by pointer and by keyboard alone."""

import re
from typing import Any

import ccxt
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.driver import TradingPage
from tests.browser.users import FOCUS, PASSWORD, button, dialog, enter, is_nobody, is_user, menu, sign_up, unnamed
from tests.exchange import PATIENT, Exchange, eventually


def client(exchange: Exchange, box: Locator) -> Any:
    """A ccxt client with the key that the dialog shows."""
    keys = {"apiKey": box.get_by_label("API key").input_value(), "secret": box.get_by_label("Secret").input_value()}
    url = exchange.run["http"]
    urls = {"api": {"public": url, "private": url}}
    return ccxt.backpack({**keys, **PATIENT, "urls": urls, "enableRateLimit": False})


def refused(bot: Any) -> bool:
    """Whether its key counts for nothing. Another server of the exchange hears of a change a moment later."""
    try:
        bot.fetch_balance()
    except ccxt.AuthenticationError:
        return True
    return False


def test_a_user_comes_trades_with_a_key_and_goes(page: TradingPage, exchange: Exchange) -> None:
    name = sign_up(page)
    eventually(lambda: page.available("USDC"), lambda has: has == 100_000, "what a new user of the demo is given")

    button(page, "API keys").click()
    box = dialog(page, "API keys")
    expect(box).to_contain_text("There are none yet")
    page.shoot("keys-none")
    box.get_by_role("button", name="Make a key").click()
    expect(box.get_by_label("Password")).to_be_focused()  # it is asked for again
    expect(box).to_contain_text("There are none yet")
    box.get_by_label("Name of a new key").fill("grid bot")
    box.get_by_label("Password").fill(PASSWORD)
    with page.page.expect_response(lambda answer: answer.url.endswith("/api/v1/keys")) as made:
        box.get_by_role("button", name="Make a key").click()
    expect(box.get_by_label("Secret")).to_have_value(re.compile(r"\S{40,}"))
    secret = box.get_by_label("Secret").input_value()
    assert secret not in str(made.value.request.post_data) and made.value.json()["secret"] is None
    page.shoot("keys-made")
    width = "document.querySelector('dialog > div')"
    assert page.page.evaluate(f"{width}.scrollWidth <= {width}.clientWidth"), "nothing is cut off at the dialog's side"
    bot = client(exchange, box)
    bot.load_markets()
    eventually(lambda: refused(bot), lambda now: not now, "the key works")
    assert bot.fetch_balance()["USDC"]["total"] == 100_000
    with pytest.raises(ccxt.OperationRejected):  # what the dialog leaves out unless it is asked for
        bot.withdraw("USDC", 1, "DE89370400440532013000", {"network": "Internal"})
    key = box.get_by_role("listitem").filter(has_text=bot.apiKey)
    for text in ("grid bot", "read, trade", "made today"):
        expect(key).to_contain_text(text)
    key.get_by_role("button").click()
    page.confirm("Revoke")
    expect(key).to_have_count(0)
    eventually(lambda: refused(bot), bool, "the key works no more")
    box.get_by_role("button", name="Close").click()
    expect(box).to_have_count(0)

    button(page, "Log out").click()
    is_nobody(page)
    box = enter(page, "Log in", name, "wrong horse battery")
    expect(box.get_by_role("alert")).to_be_visible()
    page.shoot("login-refused")
    box.get_by_label("Password").fill(PASSWORD)
    box.get_by_role("button", name="Log in", exact=True).click()
    is_user(page, name)


def test_dialogs_by_keyboard(page: TradingPage) -> None:
    for name in ("Log in", "API keys"):
        opener = button(page, name)
        opener.focus()
        page.page.keyboard.press("Enter")
        box = dialog(page, name)
        assert page.page.evaluate(FOCUS) == "dialog", "the focus goes into the dialog"
        seen = []
        for key in ["Tab"] * 10 + ["Shift+Tab"] * 12:
            page.page.keyboard.press(key)
            seen.append(page.page.evaluate(FOCUS))
        assert set(seen) <= {"dialog", "browser"}, "and does not get behind it"
        assert seen.count("dialog") > len(seen) / 2
        page.page.keyboard.press("Escape")
        expect(box).to_have_count(0)
        # From the menu of a phone one came by the menu's button, which is still there.
        expect(menu(page) if page.is_phone else opener).to_be_focused()


def test_everything_that_can_be_operated_has_a_name(page: TradingPage) -> None:
    assert unnamed(page) == []
    for theme in ("dark", "light"):
        if theme == "light":
            page.page.get_by_role("button", name="Light colours").click()
        for name in ("Log in", "API keys"):
            button(page, name).click()
            box = dialog(page, name)
            assert unnamed(page) == []
            assert box.bounding_box()["x"] >= 0, "the dialog is within the window"  # type: ignore[index]
            page.shoot(f"{theme}-{name.lower().replace(' ', '-')}")
            page.page.keyboard.press("Escape")
            expect(box).to_have_count(0)
        page.shoot(f"{theme}-page")


def test_a_log_out_in_one_tab_takes_the_account_from_the_others(page: TradingPage) -> None:
    name = sign_up(page)
    other = TradingPage(page.page.context.new_page(), page.exchange, page.screenshots, page.size)
    other.open()
    is_user(other, name)
    eventually(lambda: other.available("USDC"), lambda has: has == 100_000, "the balance in the other tab")
    button(page, "Log out").click()
    is_nobody(other)  # but whoever one is now, by the demo's rules
    assert name not in other.page.inner_text("body")
    assert other.complaints == []
    other.page.close()


def test_a_revoked_key_takes_its_secret_off_the_screen(page: TradingPage) -> None:
    sign_up(page)
    button(page, "API keys").click()
    box = dialog(page, "API keys")
    box.get_by_label("Password").fill(PASSWORD)
    box.get_by_role("button", name="Make a key").click()
    expect(box.get_by_label("Secret")).to_have_value(re.compile(r"\S{40,}"))
    box.get_by_role("button", name="Revoke").click()
    page.confirm("Revoke")
    expect(box.get_by_label("Secret")).to_have_count(0)
    expect(box).to_contain_text("There are none yet")
    box.get_by_role("button", name="Close").first.click()
    button(page, "Log out").click()


def test_settings_show_when_a_key_was_used_and_revoke_it(page: TradingPage, exchange: Exchange) -> None:
    sign_up(page)
    page.page.goto(f"{exchange.run['http']}/settings")
    box = page.page.get_by_role("region", name="API keys")
    box.get_by_label("Name of a new key").fill("grid bot")
    box.get_by_label("Password").fill(PASSWORD)
    box.get_by_role("button", name="Make a key").click()
    key = box.get_by_role("listitem").filter(has_text="grid bot")
    expect(key).to_contain_text("never used")
    expect(box.get_by_label("Secret")).to_have_value(re.compile(r"\S{40,}"))
    bot = client(exchange, box)
    bot.load_markets()
    eventually(lambda: refused(bot), lambda now: not now, "the key works")

    def shown() -> str:
        page.page.reload()
        expect(key).to_be_visible()
        return key.inner_text()

    text = eventually(shown, lambda text: "last used today" in text, "the use of the key is on the page")
    assert "made today" in text and "read, trade" in text
    page.shoot("settings-keys")
    key.get_by_role("button", name="Revoke grid bot").click()
    page.confirm("Revoke")
    expect(key).to_have_count(0)
    eventually(lambda: refused(bot), bool, "the key works no more")
    page.open()
    button(page, "Log out").click()
    is_nobody(page)
