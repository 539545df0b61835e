"""Market data, order entry and the account each have a light of their own, and say what is not live."""

from playwright.sync_api import expect

from tests.browser.driver import TradingPage
from tests.exchange import stopped


def test_order_entry_can_be_dead_while_market_data_is_live(page: TradingPage) -> None:
    page.open_ticket("Buy")
    submit, bar = page.form.locator("button[type=submit]"), page.page.get_by_test_id("connection-bar")
    orders, data = page.page.get_by_test_id("light-orders"), page.page.get_by_test_id("connection")
    expect(orders).to_have_attribute("data-tone", "live")
    page.page.on("framenavigated", lambda frame: page.complaints.append(f"it was loaded anew: {frame.url}"))
    with stopped(*page.exchange.pids("engine")):
        expect(orders).to_have_attribute("data-tone", "away")
        expect(bar).to_contain_text("No orders are taken")
        expect(data).to_have_text("Live")
        expect(submit).to_be_disabled()
        page.shoot("no-orders")
    expect(orders).to_have_attribute("data-tone", "live")
    expect(bar).to_have_count(0)
    expect(submit).to_be_enabled()
