"""A real exchange whose log gets bad blocks, and whose files somebody changes: refused or named, the rest goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from engine_core.config.settings import runtime_folder
from engine_core.host.embedded import Valkey, running
from engine_core.runtime.snapshots import snapshot
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import EventKind, QueryKind, Reason, Side
from engine_core.wire.layout import EVENT, SCHEMA_VERSION
from engine_core.wire.streams import FIELD, EntryId, decode_block, encode_block
from tests.exchange import Exchange
from tests.runtime.rig import NAMES, block_of, entries, place

SYMBOL = "SOL/USDC"


def _trader(exchange: Exchange, number: int = 0) -> Any:
    trader = exchange.trader(number)
    trader.load_markets()
    return trader


@contextmanager
def _stopped_log(exchange: Exchange) -> Iterator[redis.Redis]:
    """Its Redis alone, while the exchange does not run."""
    server = Valkey(exchange.data, runtime_folder(exchange.data))
    with running(server, exchange.data / "logs" / "valkey.log") as url, redis.Redis.from_url(url) as client:
        yield client


def _append_bad_blocks(url: str) -> None:
    """Damaged, cut, of a newer schema, foreign, early: each is answered with its own reason."""
    with Gateway(url) as out, redis.Redis.from_url(url) as client:
        log_id = int(out.query(QueryKind.STATUS)[1][0]["log_id"])
        good = block_of(place(Side.BID, 9_000, 1), log_id=log_id, sequence=1)
        newer = good[:4] + (SCHEMA_VERSION + 1).to_bytes(2, "little") + good[6:]
        bad = {
            good[:-1] + b"!": Reason.BAD_CRC,
            good[:-7]: Reason.BAD_SIZE,
            newer: Reason.BAD_SCHEMA,
            block_of(place(Side.BID, 9_000, 1), log_id=log_id + 1, sequence=1): Reason.BAD_LOG,
            block_of(place(Side.BID, 9_000, 1), log_id=log_id, sequence=2): Reason.SEQUENCE_GAP,
        }
        for block, reason in bad.items():
            entry = EntryId.parse(client.xadd(NAMES.orders, {FIELD: block}))  # type: ignore[arg-type]
            event = out.outcome(entry)[0]
            assert (event["kind"], event["reason"]) == (EventKind.BLOCK_REFUSED, reason)


@pytest.mark.timeout(300)
def test_a_log_with_bad_blocks_goes_on_and_what_is_changed_on_the_disk_is_named(own_exchange: Exchange) -> None:
    own_exchange.start()
    _bad_blocks_and_a_repeated_order_across_a_restart_of_the_engine(own_exchange)
    _verify_and_inspect_name_what_was_changed(own_exchange)


def _bad_blocks_and_a_repeated_order_across_a_restart_of_the_engine(exchange: Exchange) -> None:
    buyer, seller = _trader(exchange), _trader(exchange, 1)
    first = buyer.create_order(SYMBOL, "limit", "buy", 2, 90, {"clientOrderId": 4711})
    engine = exchange.pids("engine")
    _append_bad_blocks(exchange.run["redis"])
    assert seller.create_order(SYMBOL, "limit", "sell", 1, 90, {"timeInForce": "IOC"})["filled"] == 1
    assert exchange.pids("engine") == engine, "it went on"
    exchange.kill("engine")
    again = buyer.create_order(SYMBOL, "limit", "buy", 2, 90, {"clientOrderId": 4711})
    assert (again["id"], again["filled"]) == (first["id"], 1), "the order that exists, not a second one"
    assert [order["id"] for order in buyer.fetch_open_orders(SYMBOL)] == [first["id"]]
    assert seller.create_order(SYMBOL, "limit", "sell", 1, 90, {"timeInForce": "IOC"})["filled"] == 1


def _refused(exchange: Exchange, *arguments: str) -> str:
    done = exchange.command(*arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


def _richer(path: Path) -> None:
    """The same snapshot, whole by its digest, in which somebody gave an account money."""
    found, state = snapshot.read(path)
    balances = state.balances["available"]
    balances[balances > 0] += 1
    snapshot.write(path.parents[1], 0, state, found.place)


def _change_last_event(client: redis.Redis) -> EntryId:
    """A trade's price, in a block that is whole by its checksum."""
    log = entries(client, NAMES.events)
    entry, block = log[-1]
    header, events = decode_block(block, EVENT)
    events = events.copy()
    events["price_ticks"] += 1
    client.delete(NAMES.events)
    for each, kept in [*log[:-1], (entry, encode_block(header, events))]:
        client.xadd(NAMES.events, {FIELD: kept}, id=str(each))
    return entry


def _verify_and_inspect_name_what_was_changed(exchange: Exchange) -> None:
    _trader(exchange).create_order(SYMBOL, "limit", "buy", 2, 90)
    assert exchange.command("snapshot").returncode == 0
    assert _trader(exchange, 1).create_order(SYMBOL, "limit", "sell", 1, 90)["filled"] == 1
    running = exchange.verified()
    assert running["ok"] is True and running["snapshots"] == 1
    assert exchange.stop() == 0

    (path,) = snapshot.found(exchange.data, 0)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    assert f"{path} is damaged" in _refused(exchange, "verify")
    assert f"{path} is damaged" in _refused(exchange, "inspect", str(path))
    path.write_bytes(whole)
    _richer(path)
    assert f"{path} differs from the state that the log gives" in _refused(exchange, "verify")
    path.write_bytes(whole)
    assert exchange.verified()["ok"] is True
    with _stopped_log(exchange) as client:
        entry = _change_last_event(client)
    assert f"entry {entry} gives other events" in _refused(exchange, "verify")
