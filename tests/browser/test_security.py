"""What guards a user, on the page: second factor, open sessions, password, and the proof that a new key asks for."""

import re
import time

import pyotp
import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import desktop_only, phone_only
from tests.browser.driver import TradingPage
from tests.browser.users import FOCUS, PASSWORD, button, dialog, enter, is_nobody, is_user, menu, sign_up, unnamed

NEW_PASSWORD = "ten green bottles"
STEP_SECONDS = 30
TYPING_SECONDS = 10

# What is wider than there is room for, but for fields, which scroll.
CUT_OFF = """() => [...document.querySelectorAll('dialog, dialog *:not(input, code, .hidden)')]
  .filter(each => each.scrollWidth > each.clientWidth && getComputedStyle(each).display !== 'inline')
  .map(each => each.outerHTML.slice(0, 80))"""


class Authenticator:
    """An app with the user's secret. Each code works once; those of the step before and after now work, too."""

    def __init__(self, secret: str) -> None:
        self._totp = pyotp.TOTP(secret.replace(" ", ""))
        self._used = 0

    def code(self) -> str:
        """The oldest one that was not used and will work for long enough to be typed and sent."""
        self._used = max(self._used + 1, int(time.time() + TYPING_SECONDS) // STEP_SECONDS - 1)
        while self._used > time.time() // STEP_SECONDS + 1:
            time.sleep(0.1)  # more codes than the exchange takes at a time
        return str(self._totp.generate_otp(self._used))

    def wrong(self) -> str:
        now = int(time.time()) // STEP_SECONDS
        near = {self._totp.generate_otp(now + step) for step in range(-3, 4)}
        return next(code for code in ("123123", "456456", "789789", "321321", "654654") if code not in near)


def open_security(page: TradingPage) -> Locator:
    button(page, "Security").click()
    return dialog(page, "Security")


def setting(box: Locator, name: str) -> Locator:
    return box.get_by_role("region", name=name)


def is_within(page: TradingPage, box: Locator) -> None:
    """Nothing of the dialog is cut off at its side, and it is in the window."""
    assert page.page.evaluate(CUT_OFF) == []
    place = box.bounding_box()
    assert place and place["x"] >= 0 and place["y"] >= 0
    assert place["y"] + place["height"] <= page.page.evaluate("innerHeight")


def turn_on(page: TradingPage, box: Locator) -> Authenticator:
    factor = setting(box, "Second factor")
    factor.get_by_role("button", name="Turn on").click()
    expect(factor.get_by_label("Password")).to_be_focused()
    factor.get_by_label("Password").fill("a wrong one")
    factor.get_by_role("button", name="Continue").click()
    expect(factor.get_by_role("alert")).to_have_text("Wrong password")
    factor.get_by_label("Password").fill(PASSWORD)
    factor.get_by_role("button", name="Continue").click()
    expect(factor.get_by_role("img", name="QR code")).to_be_visible()
    secret = factor.get_by_label("Secret").inner_text()
    assert re.fullmatch(r"([A-Z2-7]{4} ){7}[A-Z2-7]{4}", secret)
    link = factor.get_by_role("link", name="Open in an app").get_attribute("href")
    assert link and link.startswith("otpauth://totp/") and secret.replace(" ", "") in link
    app = Authenticator(secret)
    expect(factor.get_by_label("Code that")).to_be_focused()
    factor.get_by_label("Code that").fill(app.wrong())
    factor.get_by_role("button", name="Turn on").click()
    expect(factor.get_by_role("alert")).to_contain_text("Wrong code")
    page.shoot("security-second-factor")
    is_within(page, box)
    assert unnamed(page) == []
    code = app.code()
    factor.get_by_label("Code that").fill(f"{code[:3]} {code[3:]}")  # as an app shows it
    factor.get_by_role("button", name="Turn on").click()
    expect(box).to_contain_text("The second factor is on")
    expect(factor).to_contain_text("On")
    return app


def test_a_second_factor_is_turned_on_asked_for_and_turned_off(page: TradingPage) -> None:
    name = sign_up(page)
    box = open_security(page)
    page.shoot("security")
    is_within(page, box)
    app = turn_on(page, box)
    page.shoot("security-on")
    page.page.keyboard.press("Escape")
    expect(box).to_have_count(0)

    button(page, "Log out").click()
    is_nobody(page)
    box = enter(page, "Log in", name)
    expect(box.get_by_label("Code that")).to_be_focused()
    expect(box).to_contain_text("enter the code")
    page.shoot("login-code")
    box.get_by_label("Code that").fill(app.wrong())
    box.get_by_role("button", name="Log in", exact=True).click()
    expect(box.get_by_role("alert")).to_contain_text("Wrong code")
    box.get_by_label("Code that").fill(app.code())
    box.get_by_role("button", name="Log in", exact=True).click()
    is_user(page, name)

    box = open_security(page)
    factor = setting(box, "Second factor")
    factor.get_by_role("button", name="Turn off").click()
    factor.get_by_label("Password").fill(PASSWORD)
    factor.get_by_label("Code that").fill(app.code())
    page.shoot("security-turn-off")
    factor.get_by_role("button", name="Turn off").click()
    expect(box).to_contain_text("The second factor is off")
    expect(factor.get_by_role("button", name="Turn on")).to_be_focused()


def test_a_key_that_may_withdraw_asks_for_password_and_code_and_says_from_when(page: TradingPage) -> None:
    sign_up(page)
    box = open_security(page)
    app = turn_on(page, box)
    page.page.keyboard.press("Escape")
    button(page, "API keys").click()
    box = dialog(page, "API keys")
    box.get_by_label("withdraw").check()
    expect(box.get_by_role("status")).to_contain_text("withdraw your money")
    box.get_by_label("Password").fill(PASSWORD)
    box.get_by_label("Code that").fill(app.wrong())
    box.get_by_role("button", name="Make a key").click()
    expect(box.get_by_role("alert")).to_contain_text("Wrong code")
    box.get_by_label("Code that").fill(app.code())
    box.get_by_role("button", name="Make a key").click()
    expect(box.get_by_label("Secret")).to_have_value(re.compile(r"\S{40,}"))
    expect(box.get_by_test_id("new-key")).to_contain_text("are possible from")
    expect(box.get_by_role("listitem")).to_contain_text("read, trade, withdraw")
    expect(box.get_by_label("Password")).to_have_value("")
    page.shoot("keys-withdraw")
    is_within(page, box)


@desktop_only
def test_sessions_are_listed_and_ended(page: TradingPage, elsewhere: TradingPage) -> None:
    name = sign_up(page)
    enter(elsewhere, "Log in", name)
    is_user(elsewhere, name)
    sessions = setting(open_security(page), "Sessions")
    expect(sessions.get_by_role("listitem")).to_have_count(2)
    page.shoot("security-sessions")
    (own, other) = (
        sessions.get_by_role("listitem").filter(**kind)
        for kind in ({"has_text": "This one"}, {"has_not_text": "This one"})
    )  # type: ignore[arg-type]
    expect(own).to_contain_text("Chrome on Linux")
    expect(own).to_contain_text("127.0.0.1")
    expect(own.get_by_role("button")).to_have_count(0)
    other.get_by_role("button").click()
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    has_ended(elsewhere, name)

    enter(elsewhere, "Log in", name)
    is_user(elsewhere, name)
    page.page.keyboard.press("Escape")
    sessions = setting(open_security(page), "Sessions")
    expect(sessions.get_by_role("listitem")).to_have_count(2)
    sessions.get_by_role("button", name="End all others").click()
    expect(sessions.get_by_role("listitem")).to_have_count(1)
    has_ended(elsewhere, name)
    is_user(page, name)


def has_ended(page: TradingPage, name: str) -> None:
    """The page says by itself that it is nobody's."""
    expect(page.page.get_by_test_id("account-name").filter(has_text=name)).to_have_count(0)
    expect(button(page, "Log in")).to_be_visible()


@phone_only
def test_a_new_password_replaces_the_old_one(page: TradingPage, elsewhere: TradingPage) -> None:
    name = sign_up(page)
    enter(elsewhere, "Log in", name)
    is_user(elsewhere, name)
    box = open_security(page)
    password = setting(box, "Password")
    password.get_by_role("button", name="Change").click()
    password.get_by_label("Password", exact=True).fill(PASSWORD)
    for new, again, problem in (
        (NEW_PASSWORD, "ten green battles", "not the same"),
        ("password123", "password123", "first that are tried"),
    ):
        password.get_by_label("New password", exact=True).fill(new)
        password.get_by_label("New password again").fill(again)
        password.get_by_role("button", name="Change password").click()
        expect(password.get_by_role("alert")).to_contain_text(problem)
    page.shoot("security-password")
    is_within(page, box)
    for label in ("New password", "New password again"):
        password.get_by_label(label, exact=True).fill(NEW_PASSWORD)
    password.get_by_role("button", name="Change password").click()
    expect(box).to_contain_text("The password is changed")
    expect(setting(box, "Sessions").get_by_role("listitem")).to_have_count(1)
    has_ended(elsewhere, name)
    box = enter(elsewhere, "Log in", name)
    expect(box.get_by_role("alert")).to_contain_text("Wrong name or password")
    box.get_by_label("Password").fill(NEW_PASSWORD)
    box.get_by_role("button", name="Log in", exact=True).click()
    is_user(elsewhere, name)


@pytest.mark.parametrize(("name", "opener"), [("Password", "Change"), ("Second factor", "Turn on")])
def test_security_by_keyboard(page: TradingPage, name: str, opener: str) -> None:
    sign_up(page)
    button(page, "Security").focus()
    page.page.keyboard.press("Enter")
    box = dialog(page, "Security")
    assert page.page.evaluate(FOCUS) == "dialog"
    assert unnamed(page) == []
    change = setting(box, name).get_by_role("button", name=opener)
    change.focus()
    page.page.keyboard.press("Enter")
    expect(setting(box, name).get_by_label("Password", exact=True)).to_be_focused()
    assert unnamed(page) == []
    setting(box, name).get_by_role("button", name="Cancel").press("Enter")
    expect(change).to_be_focused()
    page.page.keyboard.press("Escape")
    expect(box).to_have_count(0)
    expect(menu(page) if page.is_phone else button(page, "Security")).to_be_focused()
