"""Against a server that stalls for 100 ms in each second, on a clock that the test drives: an open loop reports what is
expected of it, and a closed loop does not see the stall."""

import asyncio
import heapq
from array import array
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest

from bench.load.outcome.histograms import Histogram
from bench.load.outcome.tally import NEVER, Tally
from bench.load.plan import schedule
from bench.load.targets.api import Address
from bench.load.targets.rest import RestPool, _Connection

MS = 1_000_000
PERIOD, STALL, SERVICE = 1000 * MS, 100 * MS, MS // 5
ADDRESS = Address.of("http://127.0.0.1:1", "--url", ("http", "https"))
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class World:
    """A clock, what is going to happen, and a server that answers a request in SERVICE, or when its stall is over."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._coming: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, time_ns: int, happens: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._coming, (time_ns, self._count, happens))

    def answered_ns(self) -> int:
        into = self.now_ns % PERIOD
        stalled = STALL - into if into < STALL else 0
        return self.now_ns + stalled + SERVICE

    def run(self) -> None:
        while self._coming:
            self.now_ns, _, happens = heapq.heappop(self._coming)
            happens()


class Wire:
    """A transport to the server of the world."""

    def __init__(self, world: World, connection: _Connection) -> None:
        self._world, self._connection = world, connection

    def write(self, data: bytes) -> None:
        self._world.at(self._world.answered_ns(), lambda: self._connection.data_received(RESPONSE))

    def is_closing(self) -> bool:
        return False


def pool_of(world: World, due_ns: np.ndarray, connections: int) -> tuple[RestPool, Tally]:
    tally = Tally(array("q", due_ns.tolist()))
    pool = RestPool(ADDRESS, [b""] * len(due_ns), tally, lambda: world.now_ns, connections)
    for _ in range(connections):
        connection = _Connection(pool)
        connection.connection_made(cast(asyncio.Transport, Wire(world, connection)))
    return pool, tally


def waited(tally: Tally) -> Histogram:
    done, due = np.array(tally.done_ns), np.array(tally.due_ns)
    return Histogram((done - due)[done != NEVER])


@pytest.mark.parametrize("connections", [4, 64])
async def test_an_open_loop_sees_the_stall_as_theory_says(connections: int) -> None:
    world, seconds = World(), 60
    due_ns = schedule.poisson(500, seconds, np.random.default_rng(7))
    pool, tally = pool_of(world, due_ns, connections)
    for place, due in enumerate(due_ns.tolist()):
        world.at(due, lambda place=place: pool.send(place))  # type: ignore[misc]
    world.run()
    seen = waited(tally)
    assert seen.count == len(due_ns)
    # A tenth of the orders is due in a stall, evenly spread over it: of all, 5 % wait for more than 50 ms, 1 % for more
    # than 90 ms. With 4 connections those that wait for one are answered after it, 4 in each 0.2 ms.
    assert seen.at_ms(50) == pytest.approx(0.2, rel=0.02)
    assert seen.at_ms(95) == pytest.approx(50, abs=4)
    assert seen.at_ms(99) == pytest.approx(90, abs=3)
    assert 97 <= seen.max_ms <= 104


async def test_a_closed_loop_hides_it() -> None:
    world, seconds = World(), 20
    pool, tally = pool_of(world, np.zeros(100_000, np.int64), connections=1)
    pool.run_closed(seconds * 1000 * MS)
    world.run()
    seen = waited(tally)
    assert seen.at_ms(99) == pytest.approx(0.2, rel=0.01), "one request a second waits, of thousands"
    assert seen.max_ms >= 99


async def test_what_is_not_answered_has_waited_until_the_end() -> None:
    world = World()
    pool, tally = pool_of(world, np.array([0, 10 * MS]), connections=1)
    pool.send(0)
    pool.send(1)  # waits for the connection, and is never sent
    columns = tally.columns(np.zeros(2, [("kind", "u1"), ("account", "u4"), ("client_id", "u4")]))
    assert columns.waited_ns(1000 * MS).tolist() == [1000 * MS, 990 * MS]
    assert columns.is_unknown.tolist() == [True, False]
    assert pool.outstanding == 2
