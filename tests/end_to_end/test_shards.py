"""Venues of several shards: each process is killed, a shard is added, one begins as one of a single shard; what was
traded is there once, and `exchange verify` accounts for all money.

Orders go to the engines by their logs, as ingress sends them (engines.py); what clients see of shards is tested beside
ingress, and how a market moves in test_market_moves.py.
"""

import argparse
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from engine_core.administration.venue import Venue
from engine_core.operator.target.log_access import all_logs
from engine_core.wire.codes import (
    QueryKind,
)
from engine_core.wire.streams import keys
from tests.end_to_end.engines import (
    BUYER,
    ETH,
    ETH_USDC,
    SELLER,
    SOL,
    SOL_USDC,
    TRADERS,
    USDC,
    Engines,
    markets,
    two_shards,
    until_stored,
)
from tests.exchange import Exchange, eventually, stopped


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with two_shards(tmp_path_factory.mktemp("shards") / "data") as made:
        yield made


def test_each_shard_has_its_markets_and_all_have_one_setup(exchange: Exchange) -> None:
    assert exchange.run["shards"] == 2
    assert {"engine", "engine.s1", "writer", "writer.s1"} <= set(exchange.run["processes"])
    begins = markets(exchange)
    assert begins["SOL_USDC"] == (0, "Open") and begins["ETH_USDC"] == (1, "Open")
    assert {shard for shard, _ in begins.values()} == {0, 1}
    with Venue(Engines(exchange).urls) as venue:
        home, other = venue.setups()
    assert home.accounts == other.accounts and home.keys == other.keys and home.fees == other.fees
    assert home.log_id != other.log_id


def test_each_process_is_killed_and_everything_is_found_again(exchange: Exchange) -> None:
    for role in ("engine", "engine.s1", "writer", "writer.s1"):
        with Engines(exchange) as engines:
            last = [engines.trade(0, SOL_USDC), engines.trade(1, ETH_USDC)]
        exchange.kill(role)
        with Engines(exchange) as engines:
            assert [engines.trade(0, SOL_USDC), engines.trade(1, ETH_USDC)] == [trade + 1 for trade in last], role
    assert exchange.verified()["ok"] is True
    for market, trade in ((SOL_USDC, last[0]), (ETH_USDC, last[1])):
        until_stored(exchange, market, trade + 1)


def test_money_on_its_way_is_counted(exchange: Exchange) -> None:
    with Engines(exchange) as engines:
        engines.send_money(BUYER, SOL, 1, atoms=5, until=1)
    for role in ("engine", "engine.s1"):
        exchange.kill(role)
    assert exchange.verified()["ok"] is True


def test_money_that_somebody_left_half_way_arrives(exchange: Exchange) -> None:
    """An ingress process has seen it leave."""
    with Engines(exchange) as engines:
        eventually(lambda: engines.on_their_way(BUYER, 1), lambda moves: moves == 0, "what was left before")
        engines.send_money(BUYER, SOL, 1, atoms=5, until=1)
        eventually(lambda: engines.on_their_way(BUYER, 1), lambda moves: moves == 0, "its other half")


def test_commands_are_about_all_shards(exchange: Exchange) -> None:
    taken = [json.loads(line) for line in exchange.command("snapshot").stdout.splitlines()]
    assert [each["shard"] for each in taken] == [0, 1]
    assert [Path(each["snapshot"]).name[0] for each in taken] == ["0", "1"]
    status = json.loads(exchange.command("status", "--json").stdout)
    assert [each["shard"] for each in status["shards"]] == [0, 1]
    shown = exchange.command("top", "--once", "--interval", "0.1").stdout
    assert "engine.s1" in shown and "writer.s1" in shown
    listed = [json.loads(line) for line in exchange.command("shards", "list", "--json").stdout.splitlines()]
    assert "SOL_USDC" in listed[0]["markets"] and "ETH_USDC" in listed[1]["markets"]
    account = int(exchange.command("accounts", "create").stdout)
    assert exchange.command("keys", "create", "--account", str(account)).returncode == 0
    assert exchange.command("accounts", "freeze", str(account)).returncode == 0
    with Venue(Engines(exchange).urls) as venue:
        home, other = venue.setups()
        assert account in other.accounts and home.keys == other.keys
    assert exchange.command("inspect", "--shard", "1", "--market", "ETH_USDC").returncode == 0
    refused = exchange.command("inspect", "--shard", "2")
    assert refused.returncode == 1 and "this venue has 2 (from 0 on)" in refused.stderr
    trail = [json.loads(line) for line in exchange.command("trail", "--json").stdout.splitlines()]
    assert {(each["shard"], each["action"]) for each in trail} >= {(0, "MOVE_OUT"), (1, "MOVE_IN"), (0, "ACCOUNT")}
    assert (1, "ACCOUNT") not in {(each["shard"], each["action"]) for each in trail}


def test_lists_show_what_the_shards_that_answer_have(exchange: Exchange) -> None:
    """And say which one does not; a move, which needs all of them, says the same within seconds."""
    with stopped(*exchange.pids("engine.s1")):
        for words, shown, missing in ((("market", "list"), "SOL_USDC", "ETH_USDC"), (("shards", "list"), "0", "1")):
            listed = exchange.command(*words, "--json")
            rows = [json.loads(line) for line in listed.stdout.splitlines()]
            found = {str(row.get("market", row["shard"])) for row in rows}
            assert listed.returncode == 1 and shown in found and missing not in found, listed
            assert listed.stderr == "shard 1 does not answer: what it has is not shown\n"
        moved = exchange.command("market", "move", "SOL_USDC", "--to", "1")
        assert moved.returncode == 1 and "the engine of shard 1 does not answer" in moved.stderr
    exchange.until_healthy()


def test_one_more_while_it_runs(exchange: Exchange) -> None:
    assert exchange.command("market", "move", "SOL_USDC", "--to", "0", "--state", "open").returncode == 0
    edges = {role: exchange.pids(role) for role in ("ingress", "egress", "engine", "engine.s1", "writer.s1")}
    added = exchange.command("shards", "add")
    assert added.returncode == 0, added.stderr + "\n".join(exchange.output)
    assert exchange.run["shards"] == 3
    for role, before in edges.items():
        assert (set(exchange.pids(role)) != set(before)) == (role in ("ingress", "egress")), role
    exchange.until_healthy()
    with Engines(exchange) as engines:
        last = engines.trade(0, SOL_USDC)
        assert exchange.command("market", "move", "SOL_USDC", "--to", "2").returncode == 0
        for account, asset in ((BUYER, USDC), (SELLER, SOL)):
            engines.send_money(account, asset, 2)
        assert engines.trade(2, SOL_USDC) == last + 1
    assert exchange.verified()["ok"] is True
    until_stored(exchange, SOL_USDC, last + 1)


def test_the_next_start_has_as_many(exchange: Exchange) -> None:
    with Engines(exchange) as engines:
        last = engines.trade(2, SOL_USDC)
    assert exchange.stop() == 0
    exchange.options = ("--profile", "bare", "--shards", "2")
    with pytest.raises(AssertionError, match=r"--shards 2: .* has 3 shards.*start it with --shards 3"):
        exchange.start()
    exchange.wait()
    assert exchange.verified()["ok"] is True
    exchange.options = ("--profile", "bare")
    exchange.variables = {"EXCHANGE_SHARDS": "2"}
    with pytest.raises(AssertionError, match=r"EXCHANGE_SHARDS=2: .* has 3 shards.*or without EXCHANGE_SHARDS=2"):
        exchange.start()
    exchange.wait()
    exchange.variables = {}
    exchange.start()
    assert exchange.run["shards"] == 3
    with Engines(exchange) as engines:
        assert engines.trade(2, SOL_USDC) == last + 1


def test_a_venue_of_one_goes_on_as_one_of_two(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path / "data", "--profile", "bare", ingress_workers=1)
    try:
        exchange.start()
        assert "shards" not in os.listdir(exchange.data)
        with Engines(exchange) as engines:
            trades = [engines.trade(0, SOL_USDC), engines.trade(0, ETH_USDC)]
        assert exchange.stop() == 0
        exchange.options = ("--profile", "bare", "--shards", "2")
        exchange.start()
        assert {shard for shard, _ in markets(exchange).values()} == {0}, "each stays where it is"
        with Engines(exchange) as engines:
            assert [engines.trade(0, SOL_USDC), engines.trade(0, ETH_USDC)] == [trade + 1 for trade in trades]
            for account in TRADERS:
                for asset in (USDC, ETH):
                    engines.send_money(account, asset, 1)
            assert exchange.command("market", "move", "ETH_USDC", "--to", "1").returncode == 0
            assert engines.trade(1, ETH_USDC) == trades[1] + 2
        assert exchange.verified()["ok"] is True
    finally:
        exchange.end()


def test_money_that_one_shard_has_forgotten_to_have_sent_is_debited_again(tmp_path: Path) -> None:
    """Home's log, as another node of a cluster may, loses its end, with its halves of moves that have arrived."""
    exchange = Exchange(tmp_path / "data", "--profile", "bare", "--shards", "2", ingress_workers=1)
    names = keys(0).orders, keys(0).events
    try:
        exchange.start()
        with Engines(exchange) as engines:
            engines.trade(0, SOL_USDC)
            engines.send_money(BUYER, USDC, 1)
            with redis.Redis.from_url(exchange.run["redis"]) as client:
                earlier = [client.dump(name) for name in names]
            for asset in (USDC, ETH):
                engines.send_money(BUYER, asset, 1)
        assert exchange.stop() == 0
        with all_logs(argparse.Namespace(data=exchange.data)) as logs:
            for name, content in zip(names, earlier, strict=True):
                logs[0].restore(name, 0, content, replace=True)
        exchange.start(said="`exchange accept-loss`")
        exchange.stop()
        accepted = exchange.command("accept-loss", "--yes")
        assert accepted.returncode == 0, accepted.stderr
        assert [json.loads(line)["shard"] for line in accepted.stdout.splitlines()[:2]] == [0, 1]
        exchange.start()
        assert exchange.verified()["ok"] is True
        told = (exchange.data / "logs" / "reconcile.log").read_text()
        assert all(f"shard 0 had lost MOVE_OUT {number} of account {BUYER}" in told for number in (2, 3)), told
        with Engines(exchange) as engines:
            (sent,), (arrived,) = (gateway.query(QueryKind.LINKS, account=BUYER)[1] for gateway in engines.gateways)
            assert sent["out_sequence"] == arrived["in_sequence"] == 3
            engines.send_money(BUYER, USDC, 1)
    finally:
        exchange.end()
