"""What one address can do to the streams of all others without a key: nothing but lose its own connections."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.frames import Frame, Opcode

pytestmark = pytest.mark.timeout(300)

GAP_SECONDS = 2.0  # of the server's processor time; with the faults it was 6 to 40
PATIENCE_SECONDS = 60.0  # with a machine that is full of tests
ATTACKERS = 20
ROUNDS = 3  # a test that is itself kept waiting takes its wait for a gap; with a fault there is one each time


@contextmanager
def server(**bounds: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    words = [f"{name}={value}" for name, value in bounds.items()]
    command = [sys.executable, "-m", "tests.attacks.stream_server", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline()), process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[int, psutil.Process]]:
    with server() as (opened, process):
        yield opened, psutil.Process(process.pid)


@pytest.fixture
def port(running: tuple[int, psutil.Process]) -> int:
    return running[0]


def spent(process: psutil.Process) -> float:
    """Seconds of its processor time: a clock that other programs do not move."""
    times = process.cpu_times()
    return float(times.user + times.system)


def upgrade(port: int, source: str = "127.0.0.1") -> socket.socket:
    """A WebSocket without a library, that nothing slows down; whoever refuses it closes it."""
    connection = socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
    connection.sendall(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return connection


def framed(payload: bytes, opcode: Opcode = Opcode.TEXT, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=True)


def junk_names(size: int) -> bytes:
    names = ",".join(f'"{n}"' for n in range(size // 8))
    return framed(f'{{"method":"SUBSCRIBE","params":[{names}]}}'.encode())


FLOODS: dict[str, Callable[[], bytes]] = {
    "junk names": lambda: junk_names(131_000) * 40,
    "empty names": lambda: framed(b'{"method":"SUBSCRIBE","params":[' + b'"",' * 40_000 + b'""]}') * 40,
    "names to forget": lambda: junk_names(131_000).replace(b"SUBSCRIBE", b"UNSUBSCRIBE") * 40,
    "empty objects": lambda: framed(b"{}") * 200_000,
    "pings": lambda: framed(b"", Opcode.PING) * 300_000,
    "fragments": lambda: framed(b"", fin=False) + framed(b"", Opcode.CONT, fin=False) * 300_000,
    "deep ids": lambda: framed(b'{"method":"SUBSCRIBE","id":' + b"[" * 60_000 + b"]" * 60_000 + b"}") * 40,
    "everything, one by one": lambda: b"".join(
        framed(f'{{"method":"SUBSCRIBE","params":["kline.{n}m.SOL_USDC","trade@SOL_USDC"]}}'.encode())
        for n in range(9_000)
    ),
    "signatures": lambda: (
        framed(
            b'{"method":"SUBSCRIBE","params":["account.orderUpdate"],"signature":["' + b"A" * 43 + b'=","x","1","1"]}'
        )
        * 20_000
    ),
}


async def largest_gap(witness: ClientConnection, work: asyncio.Task[None], process: psutil.Process) -> float:
    """The longest that the server worked without a frame for a client that does nothing wrong, until all is done."""
    largest, last = 0.0, spent(process)
    while not work.done():
        await asyncio.wait_for(witness.recv(), PATIENCE_SECONDS)
        now = spent(process)
        largest, last = max(largest, now - last), now
    await work
    return largest


async def attack(port: int, flood: bytes, source: str) -> None:
    """The same from many connections at once, by a thread each, as far as the server takes it."""

    def send() -> None:
        with upgrade(port, source) as connection:
            connection.settimeout(10)
            try:
                connection.recv(4096)
                connection.sendall(flood)
            except OSError:
                pass  # it was closed

    await asyncio.gather(*[asyncio.to_thread(send) for _ in range(ATTACKERS)])


@pytest.mark.parametrize(("number", "name"), list(enumerate(FLOODS)))
async def test_a_flood_does_not_delay_the_others(running: tuple[int, psutil.Process], number: int, name: str) -> None:
    port, process = running
    async with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE_SECONDS) as witness:
        await witness.send('{"method":"SUBSCRIBE","params":["depth.SOL_USDC"],"id":1}')
        await witness.recv()
        gaps = []
        for round_ in range(ROUNDS):
            source = f"127.0.{20 + round_}.{number + 1}"  # one that has its whole share
            work = asyncio.create_task(attack(port, FLOODS[name](), source))
            gaps.append(await largest_gap(witness, work, process))
            if gaps[-1] < GAP_SECONDS:
                break
        assert gaps[-1] < GAP_SECONDS, gaps
        began = spent(process)
        async with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE_SECONDS) as late:  # newcomers are served
            await late.send('{"method":"SUBSCRIBE","params":["trade.SOL_USDC"],"id":1}')
            assert json.loads(await late.recv()) == {"id": 1, "result": None}
        assert spent(process) - began < 5 * GAP_SECONDS


@pytest.mark.parametrize(
    ("number", "frame"),
    [
        (1, framed(b"", Opcode.PING)),
        (2, framed(b"", Opcode.PONG)),
        (3, framed(b"", Opcode.CONT, fin=False)),
    ],
    ids=["pings", "pongs", "parts"],
)
async def test_each_frame_is_a_unit(port: int, number: int, frame: bytes) -> None:
    """Also one that is empty: a connection has a thousand, and is closed when it goes on."""
    with upgrade(port, f"127.0.6.{number}") as connection:
        connection.recv(4096)
        connection.settimeout(30)
        began = framed(b"", fin=False) if number == 3 else b""
        with suppress(OSError):
            connection.sendall(began + frame * 64_000)
        answers = b""
        with suppress(ConnectionError):
            while data := connection.recv(65_536):
                answers += data
    assert b"too many messages" in answers


async def test_a_client_that_takes_no_answer_is_not_heard(port: int) -> None:
    """Its answers do not pile up in our memory."""
    with upgrade(port, "127.0.2.1") as connection:
        connection.recv(4096)
        connection.settimeout(2)
        sent, ping = 0, framed(b"x" * 125, Opcode.PING) * 1000
        with pytest.raises(OSError):
            while sent < 200_000_000:
                sent += connection.send(ping)
    assert sent < 50_000_000


async def test_an_address_has_a_share_of_the_places() -> None:
    """A small one: while thousands of connections are opened here, others would be ended as too slow, or idle."""
    share = 200
    with server(of_one_address=share) as (port, _):
        async with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE_SECONDS) as early:
            await early.send('{"method":"SUBSCRIBE","params":["trade.SOL_USDC"],"id":1}')
            await early.recv()
            with ExitStack() as stack:
                statuses = [_status(stack.enter_context(upgrade(port, "127.0.3.1"))) for _ in range(share + 40)]
                assert statuses[:share] == [b"101"] * share and set(statuses[share:]) <= {b"429", b""}
                async with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE_SECONDS) as other:
                    await other.send('{"method":"SUBSCRIBE","params":["trade.SOL_USDC"],"id":1}')
                    await other.recv()
                for _ in range(100):
                    await early.recv()


def _status(connection: socket.socket) -> bytes:
    try:
        return connection.recv(4096)[9:12]
    except ConnectionError:
        return b""


async def test_at_the_limit_of_descriptors_clients_go_on_and_newcomers_are_told() -> None:
    """The soft limit is raised to the hard one; there, newcomers are refused, the log says so, and nothing spins."""
    with server(descriptors=300) as (port, process), ExitStack() as stack:
        limits = psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE)
        assert limits == (300, 300)
        async with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE_SECONDS) as early:
            await early.send('{"method":"SUBSCRIBE","params":["trade.SOL_USDC"],"id":1}')
            await early.recv()
            held = [stack.enter_context(upgrade(port, "127.0.4.1"))]
            while _status(held[-1]) == b"101":
                held.append(stack.enter_context(upgrade(port, f"127.0.4.{len(held) + 1}")))
            assert 300 - 128 - 32 <= len(held) - 1 < 300 - 128
            many = [stack.enter_context(upgrade(port, f"127.0.5.{n + 1}")) for n in range(200)]  # at once
            statuses = {_status(connection) for connection in many}
            assert b"503" in statuses and statuses <= {b"503", b""}
            before, began = spent(psutil.Process(process.pid)), time.monotonic()
            while (lasted := time.monotonic() - began) < 2:
                await early.recv()
            assert spent(psutil.Process(process.pid)) - before < lasted / 2
            for connection in (*held, *many):
                connection.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                try:
                    async with connect(f"ws://127.0.0.1:{port}/"):
                        break
                except (InvalidHandshake, ConnectionClosed, OSError):
                    await asyncio.sleep(0.1)
        process.kill()
        assert process.stderr and "a connection was refused: too many connections" in process.stderr.read()
