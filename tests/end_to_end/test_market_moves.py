"""A market moves from one shard to another: movers die, stand still and meet, and it trades in one shard at most."""

import os
import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import redis

from engine_core.administration import market_move
from engine_core.administration.client import ApplyError, admin
from engine_core.administration.lease import Lease, held
from engine_core.administration.venue import Venue, trades_in
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import (
    CommandKind,
    EventKind,
    MarketState,
    QueryKind,
    Side,
)
from engine_core.wire.streams import keys
from tests.end_to_end.engines import (
    BUYER,
    ETH_USDC,
    SELLER,
    SOL,
    SOL_USDC,
    USDC,
    Engines,
    markets,
    stored,
    two_shards,
    until_stored,
)
from tests.exchange import Exchange


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with two_shards(tmp_path_factory.mktemp("shards") / "data") as made:
        yield made


LEASE = f"{keys().leases}mover-{SOL_USDC}"


@pytest.fixture(autouse=True)
def _no_lease_is_left(exchange: Exchange) -> Iterator[None]:
    yield
    with redis.Redis.from_url(exchange.run["redis"]) as home:
        home.delete(LEASE)


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
        with held(home, LEASE, "moving the market"):
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
    with Engines(exchange) as engines:
        to = 1 - where(engines)
        with Venue(engines.urls) as venue, redis.Redis.from_url(engines.urls[0]) as home:

            def stood_still(line: str) -> None:
                if line.startswith("waiting"):
                    home.set(LEASE, "another process")

            with pytest.raises(ApplyError, match="this process stood still"):
                market_move.move(venue, home, SOL_USDC, to, None, stood_still)
            assert trades_in(venue.setups(), SOL_USDC) == []
            home.delete(LEASE)
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
                    home.delete(LEASE)
                    for to in (1 - begins, begins):
                        market_move.move(venue, home, SOL_USDC, to, None, print)
                    home.set(LEASE, "another process")

            monkeypatch.setattr(Lease, "check", lambda lease: None)
            with pytest.raises(ApplyError, match="somebody else has moved the market meanwhile"):
                market_move.move(venue, home, SOL_USDC, 1 - begins, None, stood_still)
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
