"""The tables of orders and fills: however wide the window and long the numbers, nothing is cut, covered, or beside."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import LONG, desktop_only
from tests.browser.driver import TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange

WIDTHS, HEIGHTS = (1024, 1152, 1280, 1440), (700, 768, 800, 900, 1080)
ESSENTIAL = ("Price", "Trigger", "Amount", "Filled", "Total")
RESTING = 3  # of the orders below
DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

# What of a table's text is not wholly within its cell and the panel, or runs into the text of another cell or under it;
# which of these columns are not there; and by how much one has to scroll sideways.
MISPLACED = """(columns) => {
  const panel = document.querySelector("#ledger-body");
  const inner = panel.getBoundingClientRect();
  const right = inner.left + panel.clientWidth;
  const found = [];
  if (panel.scrollWidth > panel.clientWidth) found.push(`${panel.scrollWidth - panel.clientWidth} px to the side`);
  const isForReaders = (e) => e !== null && (getComputedStyle(e).clipPath !== "none" || isForReaders(e.parentElement));
  const boxes = (cell) => {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), all = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.data.trim() || !node.parentElement.checkVisibility({visibilityProperty: true})) continue;
      if (isForReaders(node.parentElement) || node.parentElement.closest("[popover]")) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      all.push([node.data, range.getBoundingClientRect()]);
    }
    return all;
  };
  for (const row of panel.querySelectorAll("tr")) {
    const cells = [...row.cells].filter((cell) => cell.checkVisibility());
    const names = cells.map((cell) => cell.dataset.label);
    for (const name of columns) if (!names.includes(name)) found.push(`no ${name} in ${row.textContent}`);
    const texts = cells.flatMap((cell) => boxes(cell).map(([text, box]) => ({cell, text, box})));
    for (const {cell, text, box} of texts) {
      const around = cell.getBoundingClientRect();
      if (box.left < Math.max(inner.left, around.left) - 1 || box.right > Math.min(right, around.right) + 1) {
        found.push(`${text} leaves its cell`);
      }
      const over = texts.find((each) => each.cell !== cell
        && each.box.left < box.right - 1 && each.box.right > box.left + 1
        && each.box.top < box.bottom - 1 && each.box.bottom > box.top + 1);
      if (over) found.push(`${text} runs into ${over.text}`);
      const [x, y] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
      if (y < inner.top || y > inner.bottom) continue; // further down
      const seen = document.elementFromPoint(x, y);
      if (!cell.contains(seen)) found.push(`${text} is under ${seen?.textContent.slice(0, 20)}`);
    }
  }
  return [...new Set(found)];
}"""


@pytest.fixture
def dust(page: TradingPage, exchange: Exchange) -> Iterator[None]:
    """Of the page's account in a market of long numbers: orders of every kind, one partly filled, and one ended."""
    assert exchange.command("deposit", "2", "DUST", "9000000000").returncode == 0
    seller = exchange.trader(0)
    seller.load_markets()
    for price in ("0.0000079008", "0.0000079019"):
        seller.create_order("DUST/USDC", "limit", "sell", "265840000", price)
    page.open(LONG)
    page.place("Buy", "0.0000079008", "265840000")
    page.toast("Order filled")
    page.place("Buy", "0.0000079020", "790080000")
    page.toast("Order partly filled")
    for kind, fields in (
        ("Limit", {"Price": "0.0000079007", "Amount": "3555360000"}),
        ("Stop", {"Trigger": "0.0000079108", "Price": "0.0000079208", "Amount": "790080000"}),
        ("Iceberg", {"Price": "0.0000078999", "Amount": "790080000", "Shown": "123450000"}),
    ):
        page.form.get_by_role("button", name=kind, exact=True).click()
        for label, text in fields.items():
            page.form.get_by_label(label, exact=True).fill(text)
        page.send()
        expect(page.open_order(fields["Price"])).to_be_visible()
    page.dismiss_toasts()
    yield
    page.tab("Open orders")
    page.cancel_all()
    seller.cancel_all_orders("DUST/USDC")


def misplaced(page: TradingPage, tab: str, columns: tuple[str, ...]) -> dict[str, list[str]]:
    """By width and height, and what it looks like at each width."""
    found = {}
    for width in WIDTHS:
        for height in HEIGHTS:
            page.page.set_viewport_size({"width": width, "height": height})
            page.page.evaluate(DRAWN)
            if faults := page.page.evaluate(MISPLACED, columns):
                found[f"{width} x {height}"] = faults
        page.page.set_viewport_size({"width": width, "height": 768})
        page.shoot(f"table-{tab}-{width}")
    return found


@desktop_only
def test_nothing_in_a_table_is_cut_or_covered(page: TradingPage, dust: None) -> None:
    found = {}
    for tab, columns in (
        ("Open orders", ESSENTIAL),
        ("Order history", ("Price", "Amount", "Filled", "Total", "Status")),
        ("Fills", ("Price", "Amount", "Total", "Fee")),
        ("Balances", ("Available", "In orders", "Total", "Worth")),
    ):
        page.tab(tab)
        expect(page.page.get_by_role("table", name=tab).locator("tbody tr").first).to_be_visible()
        found[tab] = misplaced(page, tab, columns)
    assert found == {tab: {} for tab in found}


def columns_of(row: Locator) -> object:
    return row.evaluate("(row) => [...row.cells].map((cell) => [cell.dataset.label, cell.getBoundingClientRect().x])")


@pytest.mark.parametrize("window", [(1440, 900), (1280, 800), (1024, 768)])
@desktop_only
def test_amending_moves_no_column(page: TradingPage, dust: None, window: tuple[int, int]) -> None:
    page.page.set_viewport_size({"width": window[0], "height": window[1]})
    row = page.open_order("0.0000079007")
    places = page.page.locator('td[data-label="Before it"]')
    expect(places.filter(has_text="first")).to_have_count(RESTING)  # they come by a feed of their own
    before = columns_of(row)
    row.get_by_role("button", name=re.compile("^More for buy")).click()
    page.page.get_by_role("menuitem", name="Amend").click()
    order = (
        page.page.get_by_role("table", name="Open orders")
        .locator("tr[data-order]")
        .filter(has=page.page.get_by_label("New price"))
    )
    assert columns_of(order) == before
    order.get_by_label("New price").fill("0.00000790071")
    expect(page.page.get_by_role("status", name="What the change means")).to_contain_text("moves in steps")
    assert columns_of(order) == before
    page.shoot(f"amending-{window[0]}")
    order.get_by_role("button", name="Back").click()
    assert columns_of(page.open_order("0.0000079007")) == before


@desktop_only
def test_a_number_has_its_unit_and_is_neither_nothing_nor_all_unless_it_is(page: TradingPage, traders: Traders) -> None:
    page.page.set_viewport_size({"width": 1024, "height": 768})
    page.place("Buy", "100.00", "10000")
    page.toast("Order placed")
    traders.sell("0.01", "100.00")
    page.toast("Order partly filled")
    row = page.open_order("100.00")
    expect(row.locator('[data-label="Filled"]')).to_contain_text("<0.1%")
    unit = row.locator('[data-label="Total"] small')
    expect(unit).to_be_visible()
    expect(unit).to_have_text("USDC")
    expect(page.page.locator(".columns").first).to_contain_text("Total SOL")
    page.tab("Fills")
    expect(page.page.get_by_role("table", name="Fills").locator('td[data-label="Total"] small').first).to_be_visible()
    page.cancel_everything()


@pytest.mark.parametrize(
    ("symbol", "side", "asset", "least"), [("SOL_USDC", "Sell", "SOL", 9), ("ETH_BTC", "Buy", "BTC", 8)]
)
@desktop_only
def test_what_is_available_is_exact(
    page: TradingPage, exchange: Exchange, symbol: str, side: str, asset: str, least: int
) -> None:
    """To the last of the asset's decimals, beside the form as in the balances."""
    account = re.search(r"Demo account (\d+)", page.page.locator("header").inner_text())
    assert account
    assert exchange.command("deposit", account[1], asset, f"0.{'1'.rjust(least, '0')}").returncode == 0
    page.open(symbol)
    page.form.get_by_role("group", name="Side").get_by_role("button", name=side).click()
    said = page.page.locator("[data-part=available] b")
    expect(said).to_have_text(re.compile(rf"^[\d,]+\.\d*1 {asset}$"))
    exact = said.inner_text().removesuffix(f" {asset}")
    assert len(exact.partition(".")[2]) == least
    page.tab("Balances")
    expect(page.page.locator(f'tr[data-asset="{asset}"] td[data-label="Available"]')).to_have_text(exact)
