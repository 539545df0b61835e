"""Connections that a server turns away: nothing is written to them, and no request is lost with them."""

import asyncio
import itertools
from array import array
from types import SimpleNamespace

from bench.load.outcome.tally import Tally
from bench.load.targets.api import Address
from bench.load.targets.rest import RestPool, _Connection


def test_a_connection_that_is_closing_is_not_written_to() -> None:
    async def scene(is_closed_loop: bool) -> list[bytes]:
        address = Address.of("http://127.0.0.1:1", "url", ("http", "https"))
        clock = itertools.count(1)
        pool = RestPool(address, [b"a"], Tally(array("q", [0])), lambda: next(clock), 2)
        written = list[bytes]()
        shut = SimpleNamespace(write=None, is_closing=lambda: len(pool._all) > 1)
        _Connection(pool).connection_made(shut)  # type: ignore[arg-type]  # free at first, closing later
        fine = SimpleNamespace(write=written.append, is_closing=lambda: False)
        _Connection(pool).connection_made(fine)  # type: ignore[arg-type]
        if not is_closed_loop:
            pool._free.reverse()  # the last is taken first
        if is_closed_loop:
            pool.run_closed(1_000)
        else:
            pool.send(0)
        return written

    for is_closed_loop in (True, False):
        assert asyncio.run(scene(is_closed_loop)) == [b"a"]


def test_what_is_said_before_any_request_answers_none() -> None:
    async def scene() -> Tally:
        address = Address.of("http://127.0.0.1:1", "url", ("http", "https"))
        pool = RestPool(address, [b"a"], Tally(array("q", [0])), lambda: 1, 1)
        turned_away = _Connection(pool)
        transport = SimpleNamespace(write=None, is_closing=lambda: False)
        turned_away.connection_made(transport)  # type: ignore[arg-type]
        turned_away.data_received(b"HTTP/1.1 429 X\r\nContent-Length: 2\r\n\r\n{}")
        return pool.tally

    tally = asyncio.run(scene())
    assert tally.answered == 0 and list(tally.notes.values()) == [1] and not tally.refusals
