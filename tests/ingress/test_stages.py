"""Which command of a sampled block is timed, by which way it came, and from when on."""

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest
import uvloop

from engine_core.process.stages import Row, Sender, Stamps, Table, now
from engine_core.transport.outbox import Answer, Block, Outbox
from engine_core.wire.codes import EventKind
from ingress.arrival import Arrivals, StampedConnection, stamp_arrivals
from ingress.request_time import AwaitedCommand, RequestTime
from ingress.stages import OrderStages
from tests.ingress.fakes import event

RECEIVED_AT = 5.0
RECORD = bytes(64)


def appended(stages: OrderStages, outbox: Outbox, *answers: Answer) -> Block:
    block = outbox.add([RECORD] * len(answers), list(answers))
    stages.appended(outbox, block)
    return block


def rows_of(stamps: Stamps) -> list[Row]:
    return msgspec.json.decode(stamps.after(0), type=Table).rows


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_batch_is_answered_when_all_of_it_is() -> None:
    stages, outbox, commands = OrderStages(1), Outbox(100, 1, 1), list[AwaitedCommand]()

    async def item() -> np.ndarray:
        commands.append(AwaitedCommand())
        return await commands[-1]

    async def batch() -> None:
        timed = RequestTime(RECEIVED_AT)
        await asyncio.gather(*(item() for _ in range(3)))
        timed.answered()

    request = asyncio.create_task(batch())
    await settled()
    appended(stages, outbox, *commands)
    for number, command in enumerate(commands):
        assert not rows_of(stages.stamps)
        command.set_result(event(EventKind.ACCEPTED, order_id=70 + number))
        await settled()
    await request
    await settled()
    (row,) = rows_of(stages.stamps)
    assert (row.gateway, row.incarnation, row.sequence) == Sender(100, outbox.incarnation, 1)
    assert row.order_id == 70 + 1, "the second: which one changes from block to block"
    assert list(row.at) == sorted(row.at) and row.at[0] == RECEIVED_AT


async def test_what_is_no_request_or_has_no_outcome_is_not_timed() -> None:
    stages, outbox = OrderStages(1), Outbox(100, 1, 1)

    async def request(command: list[AwaitedCommand]) -> RequestTime:
        timed = RequestTime(RECEIVED_AT)
        command.append(AwaitedCommand())
        return timed

    commands = list[AwaitedCommand]()
    timed = await asyncio.create_task(request(commands))
    appended(stages, outbox, AwaitedCommand())  # of nobody's request: this task has none
    appended(stages, outbox, commands[0])
    commands[0].set_exception(TimeoutError())
    timed.answered()
    appended(stages, outbox, commands[0])  # after the answer, as the renewal of a lease is
    timed.answered()
    await settled()
    assert not rows_of(stages.stamps) and isinstance(commands[0].exception(), TimeoutError)


def test_arrivals_are_looked_at_for_the_blocks_that_are_sampled() -> None:
    stages, outbox = OrderStages(4), Outbox(100, 1, 1)
    wanted = []
    for _ in range(9):
        wanted.append(stages.arrivals.wanted)
        appended(stages, outbox, AwaitedNever())
    assert wanted == [False, False, False, True] * 2 + [False]
    assert OrderStages(1).arrivals.wanted and not OrderStages(0).arrivals.wanted


class AwaitedNever:
    """An answer that nobody waits for."""

    def done(self) -> bool:
        return True

    def set_result(self, events: np.ndarray, /) -> None: ...

    def set_exception(self, error: Exception, /) -> None: ...


class Reading(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self.read: asyncio.Future[tuple[bytes, float, float]] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        at = now()
        self.read.set_result((data, self._arrivals.since(at), at))


def is_unacknowledged(client: socket.socket) -> bool:
    """Whether the other side's kernel may not have all that was sent."""
    return fcntl.ioctl(client, termios.TIOCOUTQ, bytes(4)) != bytes(4)


@contextlib.contextmanager
def the_kernel_stamps() -> Iterator[None]:
    """It begins with it some time after the first socket has asked, and until then stamps what is read, not what
    comes."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stamped:
        stamped.bind(("127.0.0.1", 0))
        stamp_arrivals(stamped)
        for _ in range(10_000):
            stamped.sendto(b"", stamped.getsockname())
            sent_ns = time.time_ns()
            time.sleep(0.001)
            ((_, _, data),) = stamped.recvmsg(1, 64)[1]
            seconds, nanoseconds = struct.unpack("qq", data)
            if seconds * 1_000_000_000 + nanoseconds <= sent_ns:
                break
        else:
            pytest.fail("the kernel never stamped what came")
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="the stamps are Linux's")
@pytest.mark.parametrize("wanted", [True, False])
def test_what_waited_unread_had_come_before(wanted: bool) -> None:
    """While the process is busy with others."""

    async def run() -> None:
        arrivals = Arrivals(wanted)
        reading = Reading(arrivals)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            stamp_arrivals(listener)
            client = socket.create_connection(listener.getsockname())
            loop = asyncio.get_running_loop()
            server = await loop.create_server(lambda: StampedConnection(arrivals, reading), sock=listener)
            with client:
                sent_at = now()
                client.sendall(b"order")
                while is_unacknowledged(client):
                    time.sleep(0.001)
                busy_until = now()
                data, came_at, read_at = await reading.read
                assert data == b"order" and busy_until <= read_at
                assert sent_at <= came_at <= busy_until if wanted else came_at == read_at
                assert arrivals.since(1.0) == 1.0, "of this piece alone"
            server.close()
            await server.wait_closed()

    with the_kernel_stamps():
        uvloop.run(run())
