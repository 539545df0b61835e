"""Order entry by WebSocket, against a server of the websockets library that a test makes behave as it wants."""

import asyncio
import json
from array import array
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.server import ServerConnection, serve

from bench.load.outcome.tally import Tally
from bench.load.plan.spelling import frame
from bench.load.targets.api import Address, BenchError
from bench.load.targets.closed import answers
from bench.load.targets.order_entry import LOGON_ID, EntryPool
from engine_core.edge.text_frame import text_frame

Behaviour = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def pool_of(behaviour: Behaviour, orders: int) -> AsyncIterator[EntryPool]:
    async with serve(behaviour, "127.0.0.1", 0, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        address = Address.of(f"http://127.0.0.1:{port}", "--url", ("http", "https"))
        messages = [frame(json.dumps({"id": place}).encode()) for place in range(orders)]
        tally = Tally(array("q", range(orders)))
        pool = EntryPool(address, messages, [0] * orders, tally, lambda: 1_000, lambda session: '{"apiKey":"x"}')
        try:
            yield pool
        finally:
            pool.close()


async def logged_on(connection: ServerConnection) -> None:
    message = json.loads(await connection.recv())
    assert message == {"id": LOGON_ID, "method": "session.logon", "params": {"apiKey": "x"}}
    await connection.send(json.dumps({"id": LOGON_ID, "status": 200, "result": {}}))


async def test_answers_are_matched_by_their_id_in_any_order() -> None:
    async def behaviour(connection: ServerConnection) -> None:
        await logged_on(connection)
        await (await connection.ping(b"there?"))  # the pong is awaited
        got = [json.loads(await connection.recv())["id"] for _ in range(3)]
        for place in reversed(got):
            error = {"code": "INVALID_ORDER", "message": "no"}
            refused = {"id": place, "status": 400, "error": error}
            await connection.send(json.dumps(refused if place == 1 else {"id": place, "status": 200, "result": {}}))
        await connection.wait_closed()

    async with pool_of(behaviour, 3) as pool:
        await pool.open()
        for place in range(3):
            pool.send(place)
        await answers(pool)
        assert list(pool.tally.status) == [200, 400, 200]
        assert pool.tally.refusals == {"INVALID_ORDER: no": 1}


async def test_what_was_on_its_way_when_a_connection_ended_is_unknown_and_the_next_one_goes_on() -> None:
    connections = 0

    async def behaviour(connection: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        await logged_on(connection)
        message = json.loads(await connection.recv())
        if connections == 1:
            await connection.close(1008, "too slow")
            return
        await connection.send(json.dumps({"id": message["id"], "status": 200}))
        await connection.wait_closed()

    async with pool_of(behaviour, 2) as pool:
        await pool.open()
        pool.send(0)
        while connections < 2:
            await asyncio.sleep(0.01)
        pool.send(1)
        await answers(pool)
        assert list(pool.tally.status) == [0, 200] and pool.outstanding == 0
        assert pool.tally.notes == {"the exchange closed the connection: too slow": 1}


async def test_a_log_on_that_is_refused_is_said() -> None:
    async def behaviour(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.send(json.dumps({"id": LOGON_ID, "status": 401, "error": {"code": "UNAUTHORIZED"}}))
        await connection.wait_closed()

    async with pool_of(behaviour, 1) as pool:
        with pytest.raises(BenchError, match="log-on was refused: 401"):
            await pool.open()


@pytest.mark.parametrize("at_once", [1, 3, 1000, 100_000])
async def test_compact_answers_of_accepted_orders_between_others(at_once: int) -> None:
    """As the exchange writes them, in any pieces: a kernel reads those that accept."""
    said = []
    for place in range(40):
        refused = {"id": place, "status": 400, "error": {"code": "INVALID_ORDER", "message": "no"}}
        accepted = {"id": place, "status": 200, "result": {"price": "1" * (place * 9)}}
        said.append(json.dumps(refused if place % 7 == 3 else accepted, separators=(",", ":")))

    async def behaviour(connection: ServerConnection) -> None:
        await logged_on(connection)
        for _ in said:
            await connection.recv()
        wire = b"".join(text_frame(text.encode()) for text in said)
        for start in range(0, len(wire), at_once):
            connection.transport.write(wire[start : start + at_once])
            await asyncio.sleep(0)
        await connection.wait_closed()

    async with pool_of(behaviour, len(said)) as pool:
        await pool.open()
        for place in range(len(said)):
            pool.send(place)
        await answers(pool)
        assert list(pool.tally.status) == [400 if place % 7 == 3 else 200 for place in range(len(said))]
        assert pool.tally.answered == len(said) and pool.outstanding == 0
        assert pool.tally.refusals == {"INVALID_ORDER: no": 6}
