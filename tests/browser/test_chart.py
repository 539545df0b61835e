"""The chart: its newest bar is the exchange's, lines of orders can be moved, and it can be read by keyboard."""

import re
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from playwright.sync_api import Locator, expect

from tests.browser.conftest import desktop_only
from tests.browser.driver import QUIET, TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange, eventually

LABELS = {"1m": ("1m", 60), "5m": ("5m", 300), "15m": ("15m", 900), "1h": ("1H", 3_600), "4h": ("4H", 14_400)} | {
    "1d": ("1D", 86_400)
}
PRICES = ("150.10", "151.20", "149.30", "152.40", "148.50", "150.60")  # of one trade in each interval

Bar = list[Decimal]  # open, high, low and close


def newest(exchange: Exchange, interval: str) -> list[Bar]:
    """The last bar of REST with trades; after it, if its time has passed, the empty ones that have begun."""
    now, seconds = int(time.time()), LABELS[interval][1]
    span = f"startTime={now - 10 * seconds}&endTime={now + seconds}"  # as bots ask: an interval further than now
    candles = exchange.get(f"klines?symbol={QUIET}&interval={interval}&{span}")
    begun = [each for each in candles if datetime.fromisoformat(each["start"]).replace(tzinfo=UTC).timestamp() <= now]
    last = max(at for at, each in enumerate(begun) if int(each["trades"]))
    return [[Decimal(each[name]) for name in ("open", "high", "low", "close")] for each in begun[last:]]


def shown(page: TradingPage) -> Bar:
    """In the chart's legend, which is of the newest bar while nobody points at another."""
    texts = page.page.locator("[aria-label=Bar] dt + dd").all_inner_texts()
    return [Decimal(text.replace(",", "")) for text in texts[:4]]


def is_shown(page: TradingPage, exchange: Exchange, interval: str, price: str) -> None:
    """The newest bar, which closed at this price."""

    def both() -> tuple[Bar, list[Bar]]:
        return shown(page), newest(exchange, interval)

    def same(bars: tuple[Bar, list[Bar]]) -> bool:
        return bars[0] in bars[1] and bars[0][-1] == Decimal(price)

    eventually(both, same, f"{interval}: the chart's newest bar, and the exchange's, at {price}")


@desktop_only
def test_the_newest_bar_is_the_exchanges(page: TradingPage, exchange: Exchange, traders: Traders) -> None:
    last = "150.00"
    traders.trade(last)
    group = page.page.get_by_role("group", name="Candle interval")
    for (interval, (label, _)), price in zip(LABELS.items(), PRICES, strict=True):
        group.get_by_role("button", name=label, exact=True).click()
        expect(page.page.get_by_role("slider", name=f"Candles of {QUIET}, {label}")).to_be_visible()
        is_shown(page, exchange, interval, last)  # as it was loaded
        traders.trade(price)
        is_shown(page, exchange, interval, price)  # as the stream changed it
        last = price


Said = tuple[str, ...]  # the clock, and the numbers of a bar
SPAN = 7  # seconds in which there are two trades


def spoken(page: TradingPage, chart: Locator, count: int) -> tuple[dict[str, Said], dict[str, str]]:
    """The last bars as they are read out from bar to bar, by their time, and what the indicators say of each. Not the
    newest, which may change."""
    chart.focus()
    chart.press("End")
    said, studied = {}, {}
    for _ in range(count):
        chart.press("ArrowLeft")
        words = chart.get_attribute("aria-valuetext") or ""
        bar = re.fullmatch(r"(?:.* )?(\S+): open (\S+), high (\S+), low (\S+), close (\S+), volume (\S+)", words)
        assert bar, words
        said[bar[1]] = bar.groups()[1:]
        studied[bar[1]] = page.page.get_by_label("Indicators of the bar").inner_text()
    chart.press("Escape")
    return said, studied


def stored(page: TradingPage, exchange: Exchange, since: int) -> dict[str, Said]:
    """The same of REST, with the clock on the reader's wall."""
    candles = exchange.get(f"klines?symbol={QUIET}&interval=1s&startTime={since}")
    said = {}
    for each in candles:
        start = datetime.fromisoformat(each["start"]).replace(tzinfo=UTC).timestamp()
        clock = page.page.evaluate(f"new Date({start * 1000}).toTimeString().slice(0, 8)")
        numbers = [each[name] for name in ("open", "high", "low", "close", "volume")]
        said[clock] = tuple(f"{Decimal(number):.2f}" for number in numbers)
    return said


@desktop_only
def test_quiet_seconds_have_their_bars_at_once_as_after_a_reload(
    page: TradingPage, exchange: Exchange, traders: Traders
) -> None:
    traders.trade("150.00")
    page.page.get_by_role("group", name="Candle interval").get_by_role("button", name="1s", exact=True).click()
    chart = page.page.get_by_role("slider", name=f"Candles of {QUIET}, 1s")
    expect(page.page.locator("[aria-label=Bar] dt + dd").first).to_be_visible()
    for name in ("EMA", "VWAP", "RSI"):
        page.page.get_by_role("group", name="Indicators").get_by_role("button", name=name, exact=True).click()
    begun = int(time.time())
    traders.trade("151.00")
    eventually(lambda: int(time.time()), lambda now: now > begun + 4, "some quiet seconds", 30)
    traders.trade("149.50")
    eventually(lambda: int(time.time()), lambda now: now > begun + SPAN + 2, "some more", 30)
    seen, studied = spoken(page, chart, SPAN)
    expected = stored(page, exchange, begun - 5)
    assert len(seen) == SPAN
    assert seen == {clock: expected.get(clock) for clock in seen}
    page.page.reload()
    expect(page.page.locator("[aria-label=Bar] dt + dd").first).to_be_visible()
    again, studied_again = spoken(page, chart, 3 * SPAN)
    assert seen.items() <= again.items()
    assert studied.items() <= studied_again.items()


@desktop_only
def test_the_crosshair_stays_on_its_bar_while_others_come(page: TradingPage, traders: Traders) -> None:
    traders.trade("150.00")
    page.page.get_by_role("group", name="Candle interval").get_by_role("button", name="1s", exact=True).click()
    chart = page.page.get_by_role("slider", name=f"Candles of {QUIET}, 1s")
    expect(page.page.locator("[aria-label=Bar] dt + dd").first).to_be_visible()

    def earlier() -> datetime:
        chart.press("ArrowLeft")
        words = chart.get_attribute("aria-valuetext") or ""
        return datetime.strptime(words.partition(": open")[0].rpartition(" ")[2], "%H:%M:%S")

    def bars() -> int:
        chart.press("End")
        return int(chart.get_attribute("aria-valuemax") or 0)

    chart.focus()
    eventually(bars, lambda count: count > 3, "some bars")
    first, begun = earlier(), time.time()
    eventually(time.time, lambda now: now > begun + 3, "some more bars", 30)
    assert first - earlier() == timedelta(seconds=1)


def of_days(page: TradingPage) -> Locator:
    """The chart whose one bar holds all that these tests trade, so that its scale of prices stands still."""
    page.page.get_by_role("group", name="Candle interval").get_by_role("button", name="1D", exact=True).click()
    chart = page.page.get_by_role("slider", name=f"Candles of {QUIET}, 1D")
    expect(page.page.locator("[aria-label=Bar] dt + dd").first).to_be_visible()
    return chart


def line_of(page: TradingPage, chart: Locator) -> tuple[float, float] | None:
    """Where the pointer says that an order's line can be taken; None: nowhere."""
    box = chart.bounding_box()
    assert box
    x = box["x"] + box["width"] / 3
    for y in range(int(box["y"]) + 10, int(box["y"] + box["height"]) - 30, 4):
        page.page.mouse.move(x, y)
        if chart.locator("[data-part=canvas]").evaluate("element => element.style.cursor") == "ns-resize":
            return x, y
    return None


@desktop_only
def test_an_order_is_moved_by_its_line(page: TradingPage, traders: Traders) -> None:
    for price in ("160.00", "140.00", "155.00"):
        traders.trade(price)
    chart = of_days(page)
    page.tab("Open orders")
    page.place("Buy", "148.00", "2")
    row = page.page.get_by_role("table", name="Open orders").locator("tbody tr")
    expect(row).to_contain_text("148.00")
    for answer, is_moved in (("Back", False), ("Move", True)):
        x, y = eventually(lambda: line_of(page, chart), bool, "a line that can be taken") or (0, 0)
        page.page.mouse.down()
        page.page.mouse.move(x, y + 30, steps=3)
        page.page.mouse.up()
        dialog = page.page.get_by_role("dialog")
        expect(dialog).to_contain_text(re.compile("From 148.00 USDC to 14[0-7]"))
        page.shoot("moved")
        page.confirm(answer)
        if is_moved:
            page.toast("Order amended")
            expect(row.locator('[data-label="Price"]')).to_have_text(re.compile("^14[0-7]"))
        else:
            expect(row).to_contain_text("148.00")
    page.cancel_everything()


@desktop_only
def test_own_orders_out_of_sight_are_named_at_the_edge(page: TradingPage, traders: Traders) -> None:
    for price in ("160.00", "140.00", "155.00"):
        traders.trade(price)
    of_days(page)
    edge = page.page.get_by_role("note", name="Own orders above the chart")
    for price, words in (("180.00", "Sell 1 at 180.00"), ("170.00", "Sell 1 at 170.00, 1 more")):
        page.place("Sell", price, "1")
        expect(edge).to_have_text(re.compile(f"{words}$"))
    page.place("Buy", "100.00", "2")
    below = page.page.get_by_role("note", name="Own orders below the chart")
    expect(below).to_have_text(re.compile("Buy 2 at 100.00$"))
    page.place("Sell", "162.00", "1")  # within a quarter of the bars' height: the scale makes room for it
    expect(page.open_order("162.00")).to_be_visible()
    expect(edge).to_have_text(re.compile("Sell 1 at 170.00, 1 more$"))
    page.shoot("edges")
    page.cancel_everything()
    expect(edge).to_have_count(0)


@desktop_only
def test_the_legend_says_what_the_indicators_say(page: TradingPage, traders: Traders) -> None:
    traders.trade("150.00")
    page.page.get_by_role("group", name="Candle interval").get_by_role("button", name="1s", exact=True).click()
    switches = page.page.get_by_role("group", name="Indicators")
    for name in ("MA", "VWAP"):
        switches.get_by_role("button", name=name, exact=True).click()
    said = page.page.get_by_label("Indicators of the bar")
    expect(said).to_have_text(re.compile(r"^MA 20[\d.,\u2013]+VWAP[\d.,]+$"))
    expect(said.locator("div").nth(1)).to_have_css("color", "rgb(199, 146, 234)")  # of its line
    page.shoot("indicators")
    switches.get_by_role("button", name="MA", exact=True).click()
    expect(said).to_have_text(re.compile(r"^VWAP[\d.,]+$"))


@desktop_only
def test_the_chart_is_read_by_keyboard(page: TradingPage, traders: Traders) -> None:
    traders.trade("150.00")
    chart = of_days(page)
    chart.focus()
    chart.press("End")
    expect(chart).to_have_attribute("aria-valuetext", re.compile("open .*, high .*, low .*, close 150.00, volume"))
    depth = page.page.get_by_role("button", name="Depth")
    depth.click()
    expect(page.page.get_by_role("region", name="Price chart")).to_contain_text("two sides")
    traders.quote(["149.00"], ["151.00"], "10")
    expect(page.page.get_by_role("img", name=f"Depth of {QUIET}")).to_have_accessible_name(
        re.compile(r"Bids 10.00 SOL to 149.00; Asks 10.00 SOL to 151.00")
    )
    traders.leave()
