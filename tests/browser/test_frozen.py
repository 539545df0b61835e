"""Whose account is frozen sees so on the page, with all that stands in the market, and can cancel it."""

from playwright.sync_api import expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import TradingPage
from tests.browser.users import sign_up


@desktop_only
def test_a_frozen_user_can_cancel(page: TradingPage) -> None:
    sign_up(page)
    page.place("Buy", "100.00", "1")
    page.place("Buy", "101.00", "1")
    first, second = page.open_order("100.00"), page.open_order("101.00")
    expect(first).to_be_visible()
    expect(second).to_be_visible()
    number = page.page.evaluate("fetch('/api/v1/session').then(answer => answer.json()).then(({account}) => account)")
    bar, submit = page.page.get_by_test_id("connection-bar"), page.form.locator("button[type=submit]")

    assert page.exchange.command("accounts", "freeze", str(number)).returncode == 0
    expect(bar).to_contain_text("This account is frozen")
    expect(submit).to_be_disabled()
    first.get_by_role("button", name="Cancel buy").click()
    expect(first).to_have_count(0)

    page.page.reload()
    expect(bar).to_contain_text("This account is frozen")
    expect(second).to_be_visible()
    page.shoot("frozen")

    assert page.exchange.command("accounts", "unfreeze", str(number)).returncode == 0
    expect(bar).to_have_count(0)
    expect(submit).to_be_enabled()
    second.get_by_role("button", name="Cancel buy").click()
    expect(second).to_have_count(0)
