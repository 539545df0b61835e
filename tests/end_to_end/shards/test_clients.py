"""Clients that people already have, unchanged but for their URLs, on a venue of two shards: they know nothing of them.

The tests are those of one shard; the demo's accounts have asked for their funds to follow their orders.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.live.test_ccxt import (
    test_every_row_of_rest,
    test_every_row_of_watching,
    test_the_sequence_of_fills_that_maker_and_taker_are_told,
    test_what_one_account_loses_others_gain,
)
from tests.end_to_end.live.test_clients import test_backpack_exchange_sdk, test_bpx_py
from tests.exchange import Exchange, eventually

__all__ = [
    "test_backpack_exchange_sdk",
    "test_bpx_py",
    "test_every_row_of_rest",
    "test_every_row_of_watching",
    "test_the_sequence_of_fills_that_maker_and_taker_are_told",
    "test_what_one_account_loses_others_gain",
]


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    data = tmp_path_factory.mktemp("exchange") / "data"
    running = Exchange(data, "--profile", "bare", "--shards", "2", ingress_workers=2)
    try:
        running.start()
        for _ in range(16):  # connections, of which each process gets some: both have read what tickers add up to
            running.get("tickers")
        yield running
        assert running.verified()
    finally:
        running.end()


def test_markets_are_in_both_shards_and_one_client_trades_all(exchange: Exchange) -> None:
    trader = exchange.trader(0)
    account = eventually(trader.private_get_api_v1_account, lambda told: told["autoTransfer"] is True, "autoTransfer")
    assert account["autoTransfer"] is True
    placed = [trader.create_order(market, "limit", "buy", 1, 0.1) for market in trader.load_markets()]
    assert {int(order["id"]) >> 59 for order in placed} == {0, 1}
    assert {order["id"] for order in trader.fetch_open_orders()} == {order["id"] for order in placed}
    for order in placed:
        assert trader.cancel_order(order["id"], order["symbol"])["status"] == "canceled"
    usdc = trader.private_get_api_v1_capital()["USDC"]
    assert [int(part["shard"]) for part in usdc["shards"]] == [0, 1], "what the orders there needed"
