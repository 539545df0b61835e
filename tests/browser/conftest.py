"""A real Chromium against a real exchange. Without a browser or a built page these tests skip; in CI they fail."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NoReturn

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.driver import TradingPage
from tests.browser.traders import Traders
from tests.exchange import Exchange, configured

ROOT = Path(__file__).parents[2]
SCREENSHOTS = Path(__file__).parent / "screenshots"
# The shell is Chromium without windows: a page costs a fifth of the processor's time.
BROWSERS = ("chromium-headless-shell", "/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
# Of tests in which nothing depends on the size but is looked at in another one.
desktop_only = pytest.mark.parametrize("size", ["desktop"], indirect=True)
phone_only = pytest.mark.parametrize("size", ["phone"], indirect=True)


def missing(what: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and in CI the browser tests must run", pytrace=False)
    pytest.skip(f"browser tests: {what}")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        missing("no Chromium here (Debian: apt-get install chromium-headless-shell)")
    if not (ROOT / "frontend/dist/index.html").is_file():
        missing("the page is not built (make setup, or npm ci && npm run build in frontend/)")
    return found


# A market whose numbers are as long as they get.
LONG = "DUST_USDC"
DUST = """
[assets.DUST]
number = 6
name = "Dust"
decimals = 0

[markets.DUST_USDC]
number = 6
tick_size = "0.0000000001"
lot_size = "10000"
min_quantity = "10000"
maker_ppm = 200
taker_ppm = 500
"""
# A new key may not withdraw at once; the tests sign up faster than people do; and three markets have no market maker.
CHANGES = {
    "withdraw_delay_minutes = -1": "withdraw_delay_minutes = 60",
    "logins_per_minute = 20 ": "logins_per_minute = 6_000 ",
    'start_price = "150"': "",
    'start_price = "0.6"': "",
    'start_price = "0.049"': f'start_price = "0.049"\n{DUST}',
}


@pytest.fixture(scope="package")
def exchange(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange with its market maker and the page's demo account."""
    config = configured(tmp_path_factory.mktemp("browser-config"), CHANGES)
    running = Exchange(tmp_path_factory.mktemp("browser-exchange"), "--profile", "demo", "--config", str(config))
    running.start()
    yield running
    running.end()


@pytest.fixture(scope="package")
def traders(exchange: Exchange) -> Traders:
    return Traders(exchange)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(params=SIZES, scope="module")
def size(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="package")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One for all tests: each opens contexts of its own, which share nothing."""
    opened = playwright.chromium.launch(executable_path=chromium, headless=True, args=list(FLAGS))
    yield opened
    opened.close()


def new_context(browser: Browser, size: str, theme: Literal["dark", "light"] = "dark") -> BrowserContext:
    width, height = SIZES[size]
    return browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=theme, has_touch=size == "phone"
    )


@pytest.fixture
def context(browser: Browser, size: str) -> Iterator[BrowserContext]:
    opened = new_context(browser, size)
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(browser: Browser, exchange: Exchange, size: str) -> Iterator[TradingPage]:
    """The page where nobody has the session of the first one."""
    context = new_context(browser, size)
    opened = TradingPage(context.new_page(), exchange, SCREENSHOTS, size)
    opened.open()
    yield opened
    assert opened.complaints == []
    context.close()


@pytest.fixture
def page(context: BrowserContext, exchange: Exchange, size: str) -> Iterator[TradingPage]:
    """The page, live on the quiet market. At the end nothing may have been refused by its content-security policy."""
    opened = TradingPage(context.new_page(), exchange, SCREENSHOTS, size)
    opened.open()
    opened.cancel_everything()
    yield opened
    assert opened.complaints == []
