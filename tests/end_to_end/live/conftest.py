from collections.abc import Iterator

import pytest

from tests.exchange import Exchange, configured


@pytest.fixture(scope="package")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One exchange for all tests of this folder: its markets are quiet, each test trades in one of its own."""
    every_order_is_timed = configured(tmp_path_factory.mktemp("config"), {"stages_every = 16": "stages_every = 1"})
    running = Exchange(tmp_path_factory.mktemp("exchange"), "--profile", "bare", "--config", str(every_order_is_timed))
    running.start()
    for _ in range(16):  # connections, of which each process gets some: both have read what tickers add up to
        running.get("tickers")
    yield running
    running.end()


@pytest.fixture(autouse=True, scope="module")
def _no_order_rests_after_a_file(exchange: Exchange) -> Iterator[None]:
    """A bid that one file left was met by the next one's own sells, which are no trade: so nothing was published."""
    yield
    for account in (0, 1):
        trader = exchange.trader(account)
        for market in trader.load_markets():
            trader.cancel_all_orders(market)
        assert not trader.fetch_open_orders()
