"""What a person does with the page and sees on it, as methods: the tests read like a walk through it."""

import json
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Locator, Page, expect

from tests.exchange import Exchange, eventually

PATIENCE_MS = 60_000
RESTART_MS = 90_000  # of a process of the exchange, on a machine that is busy
QUIET = "SOL_USDC"  # a market without a market maker: nobody is in it but the tests
LIVELY = "ETH_USDC"  # one with a market maker, whose book moves and is empty for moments

expect.set_options(timeout=PATIENCE_MS)

# Notes what the reader could see: the connection's state, and after each painted frame whether its book was crossed,
# or stood there although the replica was not live when the frame began.
WATCH = """() => {
  window.seen = {states: [], bookWhileAway: 0, crossed: 0};
  const prices = side => [...document.querySelectorAll(`[data-side=${side}] .row:not(.empty) span:first-of-type`)]
    .map(cell => Number(cell.textContent.replaceAll(',', '')));
  const isAway = () => exchange.book().state !== 'live';
  const look = wasAway => {
    const state = document.querySelector('[data-testid=connection]').textContent;
    if (seen.states.at(-1) !== state) seen.states.push(state);
    const [asks, bids] = [prices('asks'), prices('bids')];
    const isShown = asks.length + bids.length > 0 && !document.querySelector('.veil');
    if (wasAway && isAway() && isShown) seen.bookWhileAway += 1;
    if (asks.length && bids.length && Math.min(...asks) <= Math.max(...bids)) seen.crossed += 1;
    requestAnimationFrame(frame);
  };
  const frame = () => {
    const wasAway = isAway();
    setTimeout(() => look(wasAway));
  };
  requestAnimationFrame(frame);
}"""


# Every message that could be seen since they were dismissed: each goes by itself after some seconds, and a busy machine
# may look later than that.
NOTE_MESSAGES = """() => {
  window.messages = [];
  const note = () => {
    for (const toast of document.querySelectorAll('[data-testid=toast]')) {
      const text = [...toast.querySelectorAll('b, p')].map(part => part.textContent).join(' ').toLowerCase();
      if (toast.checkVisibility() && !messages.includes(text)) messages.push(text);
    }
  };
  new MutationObserver(note).observe(document, {subtree: true, childList: true, characterData: true});
}"""


class TradingPage:
    def __init__(self, page: Page, exchange: Exchange, screenshots: Path, size: str) -> None:
        self.page = page
        self.exchange = exchange
        self.size = size
        self.is_phone = size == "phone"
        self.complaints: list[str] = []
        self.screenshots = screenshots
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(f"({NOTE_MESSAGES})()")
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # A browser reports every lost connection by itself; all else is a fault of the page.
        is_network = re.search(r"WebSocket connection|Failed to load resource|net::ERR_", message.text)
        if message.type in ("error", "warning") and not is_network:
            self.complaints.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.exchange.run["http"], "data:", "blob:")):
            self.complaints.append(f"a request to a third party: {request.url}")

    # -- looking ------------------------------------------------------------------------------------------------------

    def open(self, symbol: str = QUIET) -> None:
        self.page.goto(f"{self.exchange.run['http']}/trade/{symbol}")
        self.until_live(symbol)

    def watch(self) -> None:
        """From here on `seen` tells what was on the screen. It costs a page much of its time, so few tests want it."""
        self.page.evaluate(WATCH)

    def cancel_everything(self) -> None:
        """What a test before this one may have left. At the end nothing is held for orders."""
        self.until("document.querySelector('[data-testid=ledger-body][data-current=true]') !== null")
        self.tab("Open orders")
        button = self.page.get_by_role("button", name="Cancel all")
        if button.is_enabled():
            self.cancel_all()
            self.toast("Orders cancelled")
            self.dismiss_toasts()
            expect(self.page.get_by_text("No open orders")).to_be_visible()
            self.until_nothing_is_held()

    def until_nothing_is_held(self) -> None:
        """The balances come by a stream of their own: they may follow the orders that held them."""
        self.tab("Balances")
        held = self.page.locator('td[data-label="In orders"]')
        expect(held.first).to_be_visible()
        expect(held.filter(has_not_text=re.compile(r"^0\.00$"))).to_have_count(0)
        self.tab("Open orders")

    def until_live(self, symbol: str = QUIET, timeout_ms: int = PATIENCE_MS) -> None:
        """The page has the book of this market, and says so. For the frame that follows a switch, it still says what
        it said of the former market."""
        self.until(f"exchange.book().symbol === '{symbol}' && exchange.book().state === 'live'", timeout_ms)
        expect(self.page.get_by_test_id("connection")).to_have_text("Live", timeout=timeout_ms)

    def until(self, condition: str, timeout_ms: int = PATIENCE_MS) -> None:
        """Ask the page until the expression holds. (Playwright's own waiting uses eval, which the policy forbids.)"""
        eventually(lambda: self._holds(condition), bool, condition, timeout_ms / 1000)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.page.evaluate(condition))
        except Error as error:
            if not re.search("context was destroyed|Cannot find context|exchange is not defined", error.message):
                raise
            return False  # the page is just being loaded

    def seen(self) -> dict[str, Any]:
        values: dict[str, Any] = self.page.evaluate("seen")
        return values

    def book(self) -> dict[str, Any]:
        """The page's replica."""
        values: dict[str, Any] = self.page.evaluate("exchange.book()")
        return values

    def shoot(self, name: str) -> None:
        """For people to look at: SCREENSHOTS=1 in the environment."""
        if not os.environ.get("SCREENSHOTS"):
            return
        self.screenshots.mkdir(exist_ok=True)
        self.page.screenshot(path=self.screenshots / f"{self.size}-{name}.png", full_page=self.is_phone)

    def show(self, view: str) -> None:
        """A phone shows one of chart, book, trades and orders; elsewhere book and trades share a column."""
        self.close_ticket()
        group = "Market view" if self.is_phone else "Book or trades"
        if self.is_phone or view in ("Book", "Trades"):
            self.page.get_by_role("group", name=group).get_by_role("button", name=view).click()

    def open_ticket(self, side: str) -> None:
        """On a phone the order form is a sheet that Buy and Sell open."""
        if self.is_phone and not self.form.is_visible():
            self.page.get_by_role("group", name="Trade ").get_by_role("button", name=side).click()

    def close_ticket(self) -> None:
        """By finger: a mouse that was left there would hold a message that comes over the button, for ever."""
        if self.is_phone and self.form.is_visible():
            self.page.get_by_role("button", name="Close the order form").tap()

    def choose_market(self, name: str) -> None:
        """By keyboard, which works wherever no text is typed."""
        self.page.keyboard.press("Control+k")
        self.page.get_by_role("combobox", name="Symbol or name").fill(name)
        self.page.keyboard.press("Enter")

    def tab(self, name: str) -> None:
        if "/trade/" in self.page.url:
            self.show("Orders")
        self.page.get_by_role("tab", name=name).click()

    def toast(self, title: str, text: str = "") -> None:
        """The message is on the screen, or was."""
        parts = json.dumps([title.lower(), text.lower()])
        self.until(f"messages.some(message => {parts}.every(part => message.includes(part)))")

    def dismiss_toasts(self) -> None:
        """Until none is left: one that comes while others go is dismissed too. All at once inside the page, since
        between looking and clicking one may have gone by itself."""
        click_all = "document.querySelectorAll('[data-testid=toast] button').forEach(button => button.click())"
        self.until(
            f"({click_all}, document.querySelector('[data-testid=toast]') === null && (messages.length = 0, true))"
        )

    def open_order(self, price: str) -> Locator:
        self.show("Orders")
        return self.page.get_by_role("table", name="Open orders").locator("tbody tr").filter(has_text=price)

    def available(self, asset: str) -> Decimal:
        """As the balances tab shows it."""
        self.tab("Balances")
        cell = self.page.locator(f'tr[data-asset="{asset}"] td[data-label="Available"]')
        return Decimal(cell.inner_text().replace(",", ""))

    # -- acting -------------------------------------------------------------------------------------------------------

    @property
    def form(self) -> Locator:
        return self.page.get_by_role("region", name="Order form")

    def fill_form(self, side: str, price: str, amount: str, handling: str = "GTC") -> None:
        self.open_ticket(side)
        self.form.get_by_role("group", name="Side").get_by_role("button", name=side).click()
        self.form.get_by_role("button", name="Limit", exact=True).click()
        self.form.get_by_label("Price").fill(price)
        self.form.get_by_label("Amount").fill(amount)
        self.form.get_by_text(handling, exact=True).click()

    def send(self) -> None:
        self.form.locator("button[type=submit]").click()

    def confirm(self, action: str) -> None:
        """The page asks before it does what is unusual."""
        self.page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()

    def cancel_all(self) -> None:
        self.page.get_by_role("button", name="Cancel all").click()
        self.confirm("Cancel all")

    def place(self, side: str, price: str, amount: str, handling: str = "GTC") -> None:
        self.fill_form(side, price, amount, handling)
        self.send()
