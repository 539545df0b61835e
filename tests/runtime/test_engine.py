"""The engine as a process: what it publishes is what its commands say, whatever is killed in between."""

import asyncio
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import redis

from engine_core.administration.client import admin
from engine_core.book.audit import audit
from engine_core.book.memory.state import EVENTS
from engine_core.runtime.machine import Machine
from engine_core.transport.async_gateway import AsyncGateway
from engine_core.transport.feed import Feed
from engine_core.transport.gateway import Gateway
from engine_core.wire.codes import CommandKind, EventKind, OrderFlag, QueryKind, Reason, Side
from engine_core.wire.layout import COMMAND, EVENT, SLOT, join
from engine_core.wire.limits import ALL_MARKETS
from engine_core.wire.streams import FIELD, ORIGIN, EntryId, decode_block
from tests.runtime.rig import FUNDS, NAMES, assert_mirrored, block_of, engine, entries, flow, place, setup

pytestmark = pytest.mark.timeout(600)  # several engines, one after the other

ANSWER_SECONDS = 120.0  # with a cold kernel cache


def gateway(url: str) -> Gateway:
    return Gateway(url, answer_seconds=ANSWER_SECONDS)


def test_an_empty_log_begins_with_genesis_and_everything_is_mirrored(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime) as process, gateway(valkey) as out:
        assert (out.execute(setup())["kind"] == EventKind.APPLIED).all()
        for seed in range(5):
            out.execute(flow(50, seed))
        machine = assert_mirrored(client)
        audit(machine.state)
        header, records = out.query(QueryKind.SETUP)
        assert records[0]["kind"] == CommandKind.GENESIS
        assert records[0]["a"] == header["log_id"] == machine.log_id
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    client.close()


def test_an_answer_knows_everything_appended_before_the_question(valkey: str, runtime: Path) -> None:
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        for number in range(20):
            entry = out.append(admin(CommandKind.DEPOSIT, account=2, asset=1, a=1, b=1_000 + number))
            header, rows = out.query(QueryKind.BALANCES, account=2)
            assert rows[rows["asset"] == 1]["available"].tolist() == [FUNDS + number + 1]
            assert EntryId(int(header["entry_ms"]), int(header["entry_seq"])) >= entry
        out.execute(place(Side.BID, 100, 5))
        bid = out.query(QueryKind.ORDERS, account=2, market=ALL_MARKETS)[1][0]
        assert (bid["kind"], bid["price_ticks"], bid["quantity_lots"]) == (EventKind.ORDER_STATE, 100, 5)
        found = out.query(QueryKind.ORDER, account=2, market=1, order_id=int(bid["order_id"]))[1]
        assert found[0]["order_id"] == bid["order_id"]
        header, levels = out.query(QueryKind.BOOK, market=1)
        assert (levels["price_ticks"].tolist(), header["update_id"]) == ([100], 1)
        header, levels = out.query(QueryKind.BOOK, market=7)
        assert (len(levels), header["reason"]) == (0, Reason.UNKNOWN_MARKET)
        assert len(out.query(QueryKind.BOOK_ORDERS, market=1)[1]) == 1
        status = out.query(QueryKind.STATUS)[1][0]
        assert (status["open_orders"], status["epoch"]) == (1, 1)


async def test_killed_under_load_every_event_comes_exactly_once(valkey: str, runtime: Path) -> None:
    """Blocks go in all the time, the engine is killed three times, a feed follows the ring, and a gateway waits."""
    client = redis.Redis.from_url(valkey)
    stop = threading.Event()
    appended: list[EntryId] = []

    def load() -> None:
        with gateway(valkey) as out:
            seed = 0
            while not stop.is_set():
                appended.append(out.append(flow(20, seed)))
                seed += 1

    def prepare() -> None:
        with gateway(valkey) as out:
            out.execute(setup())

    producer = threading.Thread(target=load)
    slots: list[bytes] = []
    with engine(valkey, runtime):
        await asyncio.to_thread(prepare)
        feed = await Feed.open(valkey, runtime, after=ORIGIN)

        async def follow() -> None:
            async for batch in feed:
                batch["published_ns"] = 0
                slots.append(batch.tobytes())

        following = asyncio.create_task(follow())
        producer.start()
        await until(lambda: len(appended) > 30)
    for _ in range(2):
        before = len(appended)
        with engine(valkey, runtime):
            await until(lambda before=before: len(appended) > before + 30)
    stop.set()
    await asyncio.to_thread(producer.join)
    with engine(valkey, runtime):
        top = entries(client, NAMES.orders)[-1][0]
        await until(lambda: feed.position == top)
        assert_mirrored(client)
    expected = [decode_block(block, EVENT)[1].tobytes() for _, block in entries(client, NAMES.events)]
    assert np.frombuffer(b"".join(slots), SLOT)["event"].tobytes() == b"".join(expected)
    await feed.close()
    await following
    client.close()


async def until(condition: object) -> None:
    async with asyncio.timeout(ANSWER_SECONDS):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


def test_events_that_were_lost_before_publication_are_appended_again(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        for seed in range(6):
            out.execute(flow(10, seed))
    published = entries(client, NAMES.events)
    client.delete(NAMES.events)
    for entry, block in published[:4]:
        client.xadd(NAMES.events, {FIELD: block}, id=str(entry))
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(flow(1, 99))
        assert entries(client, NAMES.events)[:-1] == published
    client.close()


def test_an_event_log_with_other_events_stops_the_engine(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        out.execute(flow(10))
    *published, (entry, _) = entries(client, NAMES.events)
    client.delete(NAMES.events)
    for each, block in [*published, (entry, published[-1][1])]:
        client.xadd(NAMES.events, {FIELD: block}, id=str(each))
    with engine(valkey, runtime, wait=False) as process:
        _, said = process.communicate(timeout=ANSWER_SECONDS)
        assert process.returncode == 1
        assert f"holds other events at entry {entry}" in said
    client.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda client: client.delete(NAMES.orders), "is empty, but its events reach"),
        (lambda client: client.xtrim(NAMES.orders, maxlen=1, approximate=False), "was trimmed"),
        (
            lambda client: client.xdel(NAMES.orders, client.xrevrange(NAMES.orders, count=1)[0][0]),
            "has no such entry",
        ),
    ],
)
def test_a_damaged_command_log_is_named(valkey: str, runtime: Path, damage: object, said: str) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
    damage(client)  # type: ignore[operator]
    with engine(valkey, runtime, wait=False) as process:
        _, output = process.communicate(timeout=ANSWER_SECONDS)
        assert process.returncode == 1
        assert said in output
    client.close()


def test_bad_blocks_are_answered_and_harm_nothing_else(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        log_id = int(out.query(QueryKind.STATUS)[1][0]["log_id"])
        good = block_of(place(Side.BID, 100, 1), log_id=log_id, sequence=1, time_ms=2**62)
        fields: list[dict[bytes, bytes]] = [
            *({FIELD: block} for block in (good[:-1], b"", good[:-1] + b"!", good, good)),
            {b"other": b"field"},
            {FIELD: block_of(place(Side.BID, 1, 1), log_id=log_id, sequence=3)},
            {FIELD: block_of(place(Side.BID, 1, 1), log_id=log_id + 1, sequence=2)},
            {FIELD: good[:4] + b"\x09" + good[5:]},  # of a newer schema
        ]
        sent = [EntryId.parse(client.xadd(NAMES.orders, each)) for each in fields]  # type: ignore[arg-type]
        outcomes = [out.outcome(entry)[0] for entry in (*sent[:4], *sent[5:])]
        reasons = [Reason(int(each["reason"])).name for each in outcomes]
        assert reasons == [
            "BAD_SIZE",
            "BAD_SIZE",
            "BAD_CRC",
            "NONE",
            "BAD_SIZE",
            "SEQUENCE_GAP",
            "BAD_LOG",
            "BAD_SCHEMA",
        ]
        mirrored = dict(entries(client, NAMES.events))
        assert decode_block(mirrored[sent[4]], EVENT)[1][0]["reason"] == Reason.DUPLICATE_BLOCK
        assert out.execute(place(Side.BID, 101, 1))[0]["kind"] == EventKind.ACCEPTED
        assert_mirrored(client)
    client.close()


def test_a_timer_fires_without_any_command(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        out.execute(place(Side.BID, 100, 5))
        switch = np.zeros(1, COMMAND)
        switch["kind"], switch["account"], switch["market"] = CommandKind.CANCEL_AFTER, 2, ALL_MARKETS
        switch["amount_atoms"] = 50
        armed = out.append(switch)
        assert out.outcome(armed)[0]["kind"] == EventKind.TIMER_ARMED
        cancelled: list[int] = []
        while not cancelled:
            client.xread({NAMES.events: str(armed)}, block=1000)
            for entry, block in entries(client, NAMES.events):
                events = decode_block(block, EVENT)[1]
                if entry > armed:
                    cancelled += events["reason"][events["kind"] == EventKind.CANCELLED].tolist()
        assert cancelled == [Reason.DEAD_MAN]
        assert len(out.query(QueryKind.ORDERS, account=2, market=ALL_MARKETS)[1]) == 0
        assert client.xlen(NAMES.orders) < 12, "ticks only while something is due"
        assert_mirrored(client)
    client.close()


async def test_commands_of_one_tick_share_a_block_and_each_gets_its_answer(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime):

        def prepare() -> None:
            with gateway(valkey) as out:
                out.execute(setup())

        await asyncio.to_thread(prepare)
        seen: list[int] = []
        out = await AsyncGateway.open(valkey, runtime, 0, 100)
        out.on_events.append(lambda slots: seen.append(len(slots)))
        assert out.healthy
        before = client.xlen(NAMES.orders)
        answers = await asyncio.gather(*(out.submit(place(Side.BID, 50 + n, 1).tobytes()) for n in range(40)))
        assert [each[0]["price_ticks"] for each in answers] == list(range(50, 90))
        assert client.xlen(NAMES.orders) == before + 1
        sweep = await out.submit(place(Side.ASK, 1, 10**6, account=3).tobytes())
        assert (sweep["kind"] == EventKind.FILL).sum() == 80
        assert (sweep["flags"][sweep["kind"] == EventKind.FILL] & OrderFlag.TAKER != 0).sum() == 40
        header, _ = await out.query(QueryKind.BALANCES, account=3)
        assert out.position == EntryId(int(header["entry_ms"]), int(header["entry_seq"]))
        assert sum(seen) == 40 + len(sweep)
        await out.close()
    client.close()


def test_a_machine_that_replays_reaches_the_same_state(valkey: str, runtime: Path) -> None:
    client = redis.Redis.from_url(valkey)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        out.execute(flow(200, 3))
        levels = out.query(QueryKind.BOOK, market=1)[1].tobytes()
    machine: Machine = assert_mirrored(client)
    with engine(valkey, runtime), gateway(valkey) as out:
        assert out.query(QueryKind.BOOK, market=1)[1].tobytes() == levels
        assert out.query(QueryKind.STATUS)[1][0]["events"] == machine.state.scalars[EVENTS]
    client.close()


def test_an_order_larger_than_one_command_is_done_without_another(
    client: redis.Redis, valkey: str, runtime: Path
) -> None:
    """It is out of events, and the engine's own TICKs have it go on: nobody must trade for it, or wait long."""
    small = join([place(Side.ASK, 100, 1, 2)] * 1_000)
    with engine(valkey, runtime), gateway(valkey) as out:
        out.execute(setup())
        for _ in range(4):
            out.execute(small)
        told = out.execute(place(Side.BID, 100, 4_100, 3))
        own = told[told["account"] == 3][-1]
        assert 2_000 < own["executed_lots"] < 2_100 and own["kind"] == EventKind.FILL
        deadline = time.monotonic() + 60
        while True:
            (order,) = out.query(QueryKind.ORDERS, account=3, market=1)[1]
            if order["executed_lots"] == 4_000:
                break
            assert time.monotonic() < deadline, order
        after = out.execute(place(Side.ASK, 100, 1, 4))
        assert after["kind"].tolist() == [EventKind.ACCEPTED, EventKind.FILL, EventKind.FILL]
    audit(assert_mirrored(client).state)
