"""A venue with a standby that was of behaviour version 1: upgraded, it trades, fails over, and verifies."""

import json
from pathlib import Path

from tests.exchange import Exchange, eventually, told
from tests.runtime.test_upgrade import unpacked


def test_a_venue_with_a_standby_goes_on(tmp_path: Path) -> None:
    data = unpacked("standby", tmp_path)
    exchange = Exchange(data, "--profile", "bare", "--config", str(data / "exchange.toml"))
    assert exchange.command("upgrade").returncode == 0
    exchange.start()
    try:
        trader = exchange.trader(0)
        trader.load_markets()
        was = json.loads((data / "facts.json").read_text())["facts"]["accounts"]["2"]["openOrders"]
        assert {order["id"] for order in trader.fetch_open_orders()} == {order["id"] for order in was}
        _trade(exchange)
        refused = exchange.command("upgrade")
        assert refused.returncode == 1 and "stop the exchange first" in refused.stderr
        before = exchange.pids("engine")
        exchange.kill("engine")
        assert exchange.pids("engine") != before
        _trade(exchange)
        proven = exchange.verified()
        assert proven["ok"] and "executed by behaviour version 1" in proven["from"]
        assert exchange.stop() == 0
        exchange.start()
        _trade(exchange)
        assert exchange.command("snapshot").returncode == 0
        assert exchange.verified()["snapshots"] >= 1
    finally:
        exchange.end()


def _trade(exchange: Exchange) -> None:
    """Of the two accounts in a market that the old code left empty; the history knows of it."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        trader.load_markets()
    buyer.create_order("BTC/USDC", "limit", "buy", 0.01, 60_000)
    taken = seller.create_order("BTC/USDC", "limit", "sell", 0.01, 60_000, {"timeInForce": "IOC"})
    assert taken["filled"] == 0.01
    eventually(
        lambda: told(lambda: exchange.trader(1).fetch_my_trades("BTC/USDC")),
        lambda trades: taken["id"] in [trade["order"] for trade in trades],
        "the trade in the history",
    )
