"""Power fails under `everysec`: what Redis had acknowledged and not synced is gone. It is named, and gone on from."""

import contextlib
import json
import os
import signal
from typing import Any

import ccxt
import psutil
import psycopg
import pytest
import redis

from tests.exchange import Exchange, eventually, stopped
from tests.slow_disk import fsync_hangs, held_back, until_writes_are_held_back, written_bytes


def _fail_power(exchange: Exchange, valkey: int) -> list[psutil.Process]:
    """Everything ends at once, Redis first: what does."""
    assert exchange.process and exchange.process.stdout
    exchange.process.send_signal(signal.SIGSTOP)  # it would start again what dies
    os.kill(valkey, signal.SIGKILL)
    family = exchange.family()
    for process in family[::-1]:
        with contextlib.suppress(psutil.NoSuchProcess):  # some of the database's come and go
            process.kill()
    exchange.process.wait(60)
    exchange.process.stdout.close()
    return family


def _lose_an_order(exchange: Exchange) -> tuple[list[str], str]:
    """(the orders that stay, the one that was acknowledged, and even stored, and is lost)."""
    trader = exchange.trader()
    trader.load_markets()
    kept = [str(trader.create_order("SOL/USDC", "limit", "buy", 1, 90)["id"])]
    with (
        redis.Redis.from_url(exchange.run["redis"]) as client,
        psycopg.connect(exchange.run["database"], autocommit=True) as database,
    ):
        eventually(lambda: client.info("persistence")["aof_pending_bio_fsync"], lambda n: n == 0, "a sync")  # type: ignore[index]
        with fsync_hangs(client) as valkey:
            until_writes_are_held_back(client)
            while True:
                eventually(lambda: held_back(client), lambda size: size == 0, "what is held back is written")
                written = written_bytes(exchange.data)
                order_id = _placed_and_stored(trader, database)
                with stopped(valkey):
                    if written_bytes(exchange.data) == written:
                        family = _fail_power(exchange, valkey)
                        break
                kept.append(order_id)  # it took too long, and is written
    assert psutil.wait_procs(family, timeout=60)[1] == []
    return kept, order_id


def _placed_and_stored(trader: Any, database: "psycopg.Connection[Any]") -> str:
    placed = trader.create_order("SOL/USDC", "limit", "buy", 2, 91)
    assert placed["status"] == "open", "it was acknowledged"
    query, order_id = "select count(*) from orders where order_id = %s", str(placed["id"])
    eventually(lambda: database.execute(query, (order_id,)).fetchone(), lambda row: row == (1,), "the writer")
    return order_id


@pytest.mark.timeout(240)
def test_a_loss_is_named_and_accepted(own_exchange: Exchange) -> None:
    own_exchange.start()
    kept, lost = _lose_an_order(own_exchange)

    with pytest.raises(AssertionError) as refused:
        own_exchange.start()
    said = str(refused.value)
    assert "Redis lost its last entries (power loss, or kill -9 with durability everysec)" in said
    assert "exchange accept-loss" in said
    own_exchange.wait()

    asked = own_exchange.command("accept-loss")
    assert asked.returncode == 1 and "repeat this with --yes" in asked.stderr
    accepted = own_exchange.command("accept-loss", "--yes")
    assert accepted.returncode == 0, accepted.stderr
    assert "the writer fills it again from the log" in accepted.stdout

    own_exchange.start()
    trader = own_exchange.trader()
    trader.load_markets()
    assert {order["id"] for order in trader.fetch_open_orders("SOL/USDC")} == {*kept}
    with pytest.raises(ccxt.BaseError, match="NOT_FOUND"):
        trader.cancel_order(lost, "SOL/USDC")
    assert trader.create_order("SOL/USDC", "limit", "sell", 1, 200)["status"] == "open"
    own_exchange.verified()
    with psycopg.connect(own_exchange.run["database"], autocommit=True) as database:
        query = "select order_id from orders order by number"
        stored = eventually(
            lambda: database.execute(query).fetchall(), lambda rows: len(rows) == len(kept) + 1, "the writer"
        )
        assert [str(row[0]) for row in stored[:-1]] == kept
    assert json.loads(own_exchange.command("status", "--json").stdout)["health"] == "Ok"
