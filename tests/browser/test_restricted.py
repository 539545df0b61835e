"""A market that takes no orders says so on the page, and takes them again, without anybody asking."""

from playwright.sync_api import expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import QUIET, TradingPage


@desktop_only
def test_a_halt_is_seen_by_who_is_looking(page: TradingPage) -> None:
    named, form = page.page.get_by_test_id("restriction"), page.form
    expect(named).to_have_count(0)
    try:
        assert page.exchange.command("market", QUIET, "closed").returncode == 0
        expect(named).to_have_text("Halted")
        expect(form).to_contain_text("This market takes no new orders now")
        page.shoot("halted")
    finally:
        assert page.exchange.command("market", QUIET, "open").returncode == 0
    expect(named).to_have_count(0)
    expect(form).not_to_contain_text("This market takes no new orders now")
