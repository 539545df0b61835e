"""What dies comes back, and nothing that was acknowledged is missing."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import ccxt
import psutil
import psycopg
import pytest

from tests.exchange import Exchange, eventually, told
from tests.runtime.deadly.sitecustomize import DEADLY_LOTS


@pytest.fixture(scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    exchange = Exchange(tmp_path_factory.mktemp("recovery") / "data", "--profile", "bare")
    yield exchange
    exchange.end()


@pytest.fixture
def exchange(_kept: Exchange) -> Exchange:
    """One for those tests that leave an exchange that runs, and whole, with bids of account 2 at 90; started if not."""
    if _kept.process is None or _kept.process.poll() is not None:
        _kept.start()
    return _kept


def _trade(exchange: Exchange, quantity: float = 1.0) -> str:
    """One trade and one order that stays; returns the id of the latter."""
    buyer, seller = exchange.trader(0), exchange.trader(1)
    for trader in (buyer, seller):
        trader.load_markets()
    order = buyer.create_order("SOL/USDC", "limit", "buy", quantity + 1, 90)
    taken = seller.create_order("SOL/USDC", "limit", "sell", quantity, 90, {"timeInForce": "IOC"})
    assert taken["filled"] == quantity
    return str(order["id"])


def _view(exchange: Exchange) -> dict[str, object]:
    """All that a trader can see of the present, as soon as all of it is told."""
    return told(lambda: _seen(exchange))


def _seen(exchange: Exchange) -> dict[str, object]:
    trader = exchange.trader(0)
    trader.load_markets()
    return {
        "balances": [exchange.trader(number).private_get_api_v1_capital() for number in (0, 1)],
        "orders": [(order["id"], order["remaining"]) for order in trader.fetch_open_orders("SOL/USDC")],
        "book": trader.fetch_order_book("SOL/USDC")["bids"],
        "trades": [str(trade["id"]) for trade in trader.fetch_my_trades("SOL/USDC")],
    }


def test_whoever_reads_changes_nothing(exchange: Exchange) -> None:
    """The order that was cancelled leaves an empty node in the index of prices, which a read once removed: outside the
    log, so that no replay, and no standby, came to the same state. The first test here, whose book is empty."""
    trader = exchange.trader(0)
    trader.load_markets()
    stays = trader.create_order("SOL/USDC", "limit", "buy", 1, 149.5)["id"]
    trader.cancel_order(trader.create_order("SOL/USDC", "limit", "buy", 1, 100)["id"], "SOL/USDC")
    for path in ("status", "markets", "assets", "depth?symbol=SOL_USDC", "depth/orders?symbol=SOL_USDC"):
        assert exchange.get(path), path
    for what in ((), ("--market", "SOL_USDC"), ("--account", "2")):
        assert exchange.command("inspect", *what).returncode == 0
    trader.fetch_open_orders("SOL/USDC")
    assert exchange.command("snapshot").returncode == 0
    assert exchange.verified()["snapshots"] == 1
    trader.cancel_order(stays, "SOL/USDC")


def test_each_role_is_killed_and_everything_is_found_again(exchange: Exchange) -> None:
    earlier = len(_view(exchange)["trades"])  # type: ignore[arg-type]
    _trade(exchange)
    for role in ("engine", "ingress", "egress", "writer"):
        before = _view(exchange)
        exchange.kill(role)
        assert _view(exchange) == before, role
        _trade(exchange)
    answer = exchange.verified()
    assert answer["ok"] is True
    with psycopg.connect(exchange.run["database"]) as connection:
        query = "SELECT count(*) FROM trade_created"

        def trades() -> object:
            with connection.transaction():
                row = connection.execute(query).fetchone()
            return row and row[0]

        eventually(trades, lambda count: count == earlier + 5, f"{earlier} and five trades, each exactly once")


def test_an_operator_skips_the_order_that_kills_the_engine(own_exchange: Exchange) -> None:
    own_exchange.variables = {"PYTHONPATH": "tests/runtime/deadly"}
    own_exchange.start()
    _trade(own_exchange)
    before = _view(own_exchange)
    trader = own_exchange.trader(0)
    trader.load_markets()
    with pytest.raises(ccxt.BaseError):
        trader.create_order("SOL/USDC", "limit", "buy", DEADLY_LOTS / 100, 80)
    log = own_exchange.data / "logs" / "engine.log"
    halted = eventually(lambda: re.search(r"HALTED: entry (\S+)", log.read_text()), bool, "an engine that waits", 90)
    assert halted and own_exchange.health() != "Ok"
    assert own_exchange.command("skip", halted[1]).returncode == 0
    own_exchange.until_healthy()
    assert _view(own_exchange) == before
    _trade(own_exchange)
    assert own_exchange.verified()["ok"] is True


def test_the_servers_are_killed_too(exchange: Exchange) -> None:
    """Valkey with everysec may lose up to two seconds of a *power failure*; its process alone loses nothing written."""
    _trade(exchange)
    for role in ("postgres", "valkey"):
        before = _view(exchange)
        exchange.kill(role)
        _same_again(exchange, before)
        _trade(exchange)
    assert exchange.verified()["ok"] is True


def _same_again(exchange: Exchange, before: dict[str, object]) -> None:
    """A read may fail while a server is away; what it answers then must be what it was."""

    def view() -> object:
        try:
            return _view(exchange)
        except ccxt.BaseError as error:
            return str(error)

    eventually(view, lambda seen: seen == before, f"the same as before, {before}", 60)


def test_a_second_start_finds_its_data(exchange: Exchange) -> None:
    keys = exchange.keys()
    order = _trade(exchange)
    before = _view(exchange)
    taken = json.loads(exchange.command("snapshot").stdout)
    live = json.loads(exchange.command("inspect", "--account", "2", "--market", "SOL_USDC").stdout)
    kept = json.loads(exchange.command("inspect", taken["snapshot"], "--account", "2").stdout)
    orders, trades = (len(before[name]) for name in ("orders", "trades"))  # type: ignore[arg-type]
    assert live["book"]["bids"] == [[9_000, 100 * trades, orders]], "each trade leaves one more of what was bid for"
    assert live["openOrders"] == kept["openOrders"]
    assert kept["balances"] == live["balances"] and kept["position"] == taken["position"]
    runtime = Path(exchange.run["runtime"])
    assert exchange.stop() == 0
    left = {path.name for path in runtime.iterdir()}
    assert "used-signatures" in left, "a restart is no way to use one twice"
    assert not [name for name in left if name.startswith(("ring-", "bell-")) or name.endswith(".metrics")]
    offline = exchange.verified()
    assert offline["snapshots"] == len(list((exchange.data / "snapshots").glob("*.snapshot")))
    exchange.start()
    assert exchange.keys() == keys
    assert _view(exchange) == before
    trader = exchange.trader()
    trader.load_markets()
    assert trader.cancel_order(order, "SOL/USDC")["status"] == "canceled"
    assert exchange.verified()["ok"] is True


def test_nothing_outlives_a_killed_supervisor(exchange: Exchange) -> None:
    _trade(exchange)
    before = _view(exchange)
    family = exchange.family()
    names = set(exchange.of_family(lambda process: process.name()))
    assert {"valkey-server", "postgres"} <= names and len(family) >= 7
    assert exchange.process
    os.kill(exchange.process.pid, signal.SIGKILL)
    assert exchange.process.wait(60) == -signal.SIGKILL
    assert psutil.wait_procs(family, timeout=60)[1] == []
    assert exchange.process.stdout
    exchange.process.stdout.close()
    exchange.start()
    assert _view(exchange) == before


@pytest.mark.parametrize("profile", ["demo"])
def test_the_demo_profile_and_the_operators_commands(own_exchange: Exchange, profile: str) -> None:
    own_exchange.options = ("--profile", profile)
    own_exchange.start()
    own_exchange.until_healthy()
    status = own_exchange.command("status", "--json")
    assert status.returncode == 0 and json.loads(status.stdout)["health"] == "Ok"
    second = Exchange(own_exchange.data)
    refused = second.command("up")
    assert refused.returncode == 1 and "is in use by the exchange with pid" in refused.stderr
    account = own_exchange.command("accounts", "create").stdout.strip()
    key = json.loads(own_exchange.command("keys", "create", "--account", account).stdout)
    assert set(key) == {"account", "apiKey", "secret"}
    credit = json.loads(own_exchange.command("deposit", account, "USDC", "1000.5", "--reference", "77").stdout)
    assert credit["available"] == "1000.5"
    again = own_exchange.command("deposit", account, "USDC", "1000.5", "--reference", "77")
    assert again.returncode == 1 and "DUPLICATE_REFERENCE" in again.stderr
    trader = own_exchange.trader()
    trader.apiKey, trader.secret = key["apiKey"], key["secret"]
    assert trader.fetch_balance()["USDC"]["free"] == 1000.5
    assert "already says" in own_exchange.command("apply").stdout
    assert "engine" in own_exchange.command("logs", "-n", "1").stdout
    assert own_exchange.command("reset", "--yes").returncode == 1
    assert own_exchange.verified()["ok"] is True
    assert own_exchange.stop() == 0
    done = own_exchange.command("reset", "--yes")
    assert done.returncode == 0 and not own_exchange.data.exists(), (done, list(own_exchange.data.rglob("*")))
