"""Venues of several shards: each process is killed, a market moves, a shard is added, one begins as one of a single
shard; what was traded is there once, and `exchange verify` accounts for all money.

Orders go to the engines by their logs, as ingress sends them; what clients see of shards is tested beside ingress.
"""

import argparse
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
import redis

from engine_core.administration import market_move
from engine_core.administration.client import ApplyError, admin
from engine_core.administration.demo import TRADERS
from engine_core.administration.lease import Lease, held
from engine_core.administration.venue import Venue, trades_in
from engine_core.operator.target.log_access import all_logs
from engine_core.operator.target.running import require
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    OrderType,
    QueryKind,
    SelfTrade,
    Side,
    TimeInForce,
)
from engine_core.wire.layout import COMMAND
from engine_core.wire.streams import keys
from tests.exchange import Exchange, eventually

USDC, SOL, ETH = 1, 2, 4  # assets of the shipped configuration
SOL_USDC, ETH_USDC = 1, 3  # its markets, of which a venue of two shards begins one in each
BUYER, SELLER = TRADERS
MONEY = 10**12


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    made = Exchange(tmp_path_factory.mktemp("shards") / "data", "--profile", "bare", "--shards", "2", ingress_workers=1)
    try:
        made.start()
        with Engines(made) as engines:
            for account in TRADERS:
                for asset in (USDC, ETH):
                    engines.send_money(account, asset, 1)
        yield made
    finally:
        made.end()


class Engines:
    """The engines of all shards."""

    def __init__(self, exchange: Exchange) -> None:
        self.urls = require(exchange.data).redis_urls
        self._stack = ExitStack()

    def __enter__(self) -> "Engines":
        self.gateways = [
            self._stack.enter_context(Gateway(url, shard, answer_seconds=60.0)) for shard, url in enumerate(self.urls)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def send_money(self, account: int, asset: int, to: int, atoms: int = MONEY, until: int = 2) -> None:
        """From home; `until`: how many of its two halves are done."""
        (links,) = [self.gateways[0].query(QueryKind.LINKS, account=account)[1]]
        sequence = max(links["out_sequence"][links["shard"] == to].tolist(), default=0) + 1
        values = {"account": account, "asset": asset, "amount_atoms": atoms, "sequence": sequence}
        values["move_reference"] = 1_000 * account + 10 * sequence + to
        for shard, kind, other in ((0, CommandKind.MOVE_OUT, to), (to, CommandKind.MOVE_IN, 0))[:until]:
            (event,) = self.gateways[shard].execute(admin(kind, code=other, **values))
            assert event["kind"] == EventKind.APPLIED, event

    def place(self, shard: int, market: int, account: int, side: Side, ticks: int, **fields: Any) -> np.ndarray:
        record = np.zeros(1, COMMAND)
        values = {
            **{"kind": CommandKind.PLACE, "market": market, "account": account, "side": side, "price_ticks": ticks},
            **{"order_type": OrderType.LIMIT, "time_in_force": TimeInForce.GTC, "quantity_lots": 10},
            **{"self_trade": SelfTrade.REJECT_TAKER, **fields},
        }
        for name, value in values.items():
            record[name] = value
        return self.gateways[shard].execute(record)

    def trade(self, shard: int, market: int) -> int:
        """One trade and one order that stays; the trade's ID."""
        self.place(shard, market, BUYER, Side.BID, 9_000, quantity_lots=20)
        events = self.place(shard, market, SELLER, Side.ASK, 9_000, time_in_force=TimeInForce.IOC)
        fills = events[events["kind"] == EventKind.FILL]
        assert len(fills) == 2, events
        return int(fills["trade_id"][0])


def markets(exchange: Exchange) -> dict[str, tuple[int | None, str]]:
    done = exchange.command("market", "list", "--json")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["market"]: (row["shard"], row["state"]) for row in rows}


def stored(exchange: Exchange, query: str) -> Any:
    with psycopg.connect(exchange.run["database"]) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row and row[0]


def until_stored(exchange: Exchange, market: int, trade: int) -> None:
    """And the ones before it, each once."""
    query = f"select array[count(*), count(distinct trade_id), max(trade_id)] from trades where market = {market}"
    eventually(lambda: stored(exchange, query), lambda found: found == [trade] * 3, f"{trade} trades of {market}")


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


def test_a_market_moves_and_goes_on(exchange: Exchange) -> None:
    with Engines(exchange) as engines:
        last = engines.trade(1, ETH_USDC)
        (waits,) = engines.place(1, ETH_USDC, BUYER, Side.BID, 8_000, flags=8, trigger_ticks=7_000)
        assert waits["kind"] == EventKind.TRIGGER_PLACED
    moved = exchange.command("market", "move", "ETH_USDC", "--to", "0")
    assert moved.returncode == 0, moved.stderr
    assert markets(exchange)["ETH_USDC"] == (0, "Open")
    assert exchange.command("market", "move", "ETH_USDC", "--to", "0").stdout.startswith("ETH_USDC traded already in")
    with Engines(exchange) as engines:
        (event,) = engines.place(1, ETH_USDC, BUYER, Side.BID, 9_000)
        assert event["kind"] == EventKind.REJECTED
        assert engines.trade(0, ETH_USDC) == last + 1
        left = engines.gateways[1].query(QueryKind.BALANCES, account=BUYER)[1]
        assert not left["locked"].any(), "what waited in the old shard was cancelled"
    assert exchange.verified()["ok"] is True
    until_stored(exchange, ETH_USDC, last + 1)
    assert stored(exchange, f"select shard from markets where market = {ETH_USDC}") == 0
    numbers = "array[min(market_number), max(market_number) - count(*)] from orders"
    assert stored(exchange, f"select {numbers} where account = {BUYER} and market = {ETH_USDC}") == [1, 0]


class Died(RuntimeError):
    pass


@pytest.mark.parametrize("last", range(1, 8))
def test_a_move_that_dies_anywhere_is_finished_by_the_next(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, last: int
) -> None:
    """`last`: with how many blocks it dies, each of them appended; its mover hears no outcome of that one."""
    monkeypatch.setattr(market_move, "DURABLE_S", 0.01)
    with Engines(exchange) as engines:
        begins = trade_of(engines)
        for shard in (0, 1):
            if shard == where(engines):
                engines.place(shard, SOL_USDC, BUYER, Side.BID, 8_000)
        to = 1 - where(engines)
        appended: list[int] = []
        append = Gateway.append

        def dying(gateway: Gateway, records: np.ndarray) -> Any:
            entry = append(gateway, records)
            appended.append(1)
            if len(appended) == last:
                gateway.outcome(entry)
                raise Died
            return entry

        with Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:
            monkeypatch.setattr(Gateway, "append", dying)
            has_died = False
            try:
                market_move.move(venue, home, SOL_USDC, to, None, print)
            except Died:
                has_died = True
            monkeypatch.setattr(Gateway, "append", append)
            assert len(trades_in(venue.setups(), SOL_USDC)) <= 1
            if has_died and not trades_in(venue.setups(), SOL_USDC):
                assert f"exchange market move SOL_USDC --to {to}" in exchange.command("market", "list").stdout
                with pytest.raises(ApplyError, match=f"on its way to shard {to}"):
                    market_move.move(venue, home, SOL_USDC, 1 - to, None, print)
            market_move.move(venue, home, SOL_USDC, to, None, print)
            assert trades_in(venue.setups(), SOL_USDC) == [to]
            assert not home.keys("lease:{s0}:move-*")
        assert markets(exchange)["SOL_USDC"] == (to, "Open"), "as it was"
        assert trade_of(engines) == begins + 1


def test_a_market_that_was_closed_for_a_move_can_stay(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """It had not left: moved to where it is, it is as it was."""
    with Engines(exchange) as engines:
        begins, append = where(engines), Gateway.append

        def dying(gateway: Gateway, records: np.ndarray) -> Any:
            gateway.outcome(append(gateway, records))
            raise Died

        with Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:
            monkeypatch.setattr(Gateway, "append", dying)
            with pytest.raises(Died):
                market_move.move(venue, home, SOL_USDC, 1 - begins, None, print)
            monkeypatch.setattr(Gateway, "append", append)
            assert markets(exchange)["SOL_USDC"] == (begins, "Closed")
            hint = f"for a move that has not gone on: exchange market move SOL_USDC --to SHARD, {begins} to let it stay"
            assert hint in exchange.command("market", "list").stdout
            assert market_move.move(venue, home, SOL_USDC, begins, None, print) is False
            assert markets(exchange)["SOL_USDC"] == (begins, "Open")
            assert not home.keys("lease:{s0}:move-*")


def test_while_one_moves_a_market_another_one_is_refused(exchange: Exchange) -> None:
    with Engines(exchange) as engines, redis.Redis.from_url(engines.urls[0]) as home:
        to = 1 - where(engines)
        move = ("market", "move", "SOL_USDC", "--to", str(to))
        with held(home, f"{keys().leases}mover-{SOL_USDC}", "moving the market"):
            refused = exchange.command(*move)
        assert refused.returncode == 1 and f"moving the market is done by process {os.getpid()} on" in refused.stderr
        assert where(engines) != to
        assert exchange.command(*move).returncode == 0
        assert where(engines) == to


def test_of_movers_at_once_none_leaves_it_in_two_or_nowhere(exchange: Exchange) -> None:
    with Engines(exchange) as engines:
        begins = where(engines)
    commands = [
        subprocess.Popen(
            [*exchange.program, "market", "move", "SOL_USDC", "--to", str(to), "--data", str(exchange.data)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for to in (1 - begins, 1 - begins, begins)
    ]
    said = [command.communicate(timeout=120) for command in commands]
    refused = [error for (_, error), command in zip(said, commands, strict=True) if command.returncode]
    assert all("moving the market is done by process" in error for error in refused) and len(refused) < 3, said
    assert markets(exchange)["SOL_USDC"][1] == "Open"
    with Engines(exchange) as engines:
        assert where(engines) in (0, 1)


def test_a_mover_that_stood_still_opens_nothing(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one may have moved the market meanwhile."""
    monkeypatch.setattr(market_move, "DURABLE_S", 0.01)
    lease = f"{keys().leases}mover-{SOL_USDC}"
    with Engines(exchange) as engines:
        to = 1 - where(engines)
        with Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:

            def stood_still(line: str) -> None:
                if line.startswith("waiting"):
                    home.set(lease, "another process")

            with pytest.raises(ApplyError, match="this process stood still"):
                market_move.move(venue, home, SOL_USDC, to, None, stood_still)
            assert trades_in(venue.setups(), SOL_USDC) == []
            home.delete(lease)
            market_move.move(venue, home, SOL_USDC, to, None, print)
        assert where(engines) == to


@pytest.mark.parametrize("line", ["closing it", "waiting"])
def test_what_a_mover_sends_after_others_have_moved_on_changes_nothing(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """It stood still between its last look at the lease and its next command."""
    monkeypatch.setattr(market_move, "DURABLE_S", 0.01)
    with Engines(exchange) as engines:
        begins = where(engines)
        with Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:

            def stood_still(said: str) -> None:
                if line in said and where_if(engines) in (begins, None):
                    home.delete(f"{keys().leases}mover-{SOL_USDC}")
                    for to in (1 - begins, begins):
                        market_move.move(venue, home, SOL_USDC, to, None, print)
                    home.set(f"{keys().leases}mover-{SOL_USDC}", "another process")

            monkeypatch.setattr(Lease, "check", lambda lease: None)
            with pytest.raises(ApplyError, match="somebody else has moved the market meanwhile"):
                market_move.move(venue, home, SOL_USDC, 1 - begins, None, stood_still)
            home.delete(f"{keys().leases}mover-{SOL_USDC}")
        assert markets(exchange)["SOL_USDC"] == (begins, "Open")


def test_a_market_that_was_taken_away_by_a_tool_that_does_not_count_comes_back(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_move, "DURABLE_S", 0.01)
    with Engines(exchange) as engines, Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:
        for to in (1 - where(engines), where(engines), 1 - where(engines)):
            market_move.move(venue, home, SOL_USDC, to, None, print)
            venue.gateways[to].execute(admin(CommandKind.MARKET_STATE, market=SOL_USDC, code=MarketState.ELSEWHERE))
            assert where_if(engines) is None
            market_move.move(venue, home, SOL_USDC, to, MarketState.OPEN, print)
            assert where(engines) == to


def where_if(engines: Engines) -> int | None:
    with Venue(engines.urls) as venue:
        return next(iter(trades_in(venue.setups(), SOL_USDC)), None)


def where(engines: Engines) -> int:
    with Venue(engines.urls) as venue:
        (shard,) = trades_in(venue.setups(), SOL_USDC)
    return shard


def trade_of(engines: Engines) -> int:
    shard = where(engines)
    if shard:
        for account, asset in ((BUYER, USDC), (SELLER, SOL)):
            engines.send_money(account, asset, shard)
    return engines.trade(shard, SOL_USDC)


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
