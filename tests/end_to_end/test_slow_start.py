"""Readers that start while what they read from is slow: they wait in words, and tell nothing that is not whole."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.folders import short_folder
from tests.ingress.fakes import READER, TRADER
from tests.processes import free_port
from tests.venue import Venue, open_venue

pytestmark = pytest.mark.timeout(300)  # an empty kernel cache has to be filled
PATIENCE_SECONDS = 120.0
STATISTICS = ("/api/v1/trades?symbol=SOL_USDC", "/api/v1/ticker?symbol=SOL_USDC", "/api/v1/tickers")


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    sockets = short_folder()
    with open_venue(tmp_path_factory.mktemp("slow"), sockets) as opened:
        yield opened
    shutil.rmtree(sockets, ignore_errors=True)


def started(venue: Venue, role: str, log: Path, **variables: str) -> "subprocess.Popen[bytes]":
    own = {"EXCHANGE_WORKER": "1", "EXCHANGE_PARENT_PID": str(os.getpid()), **variables}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", role], env={**os.environ, **venue.environment, **own}, stdout=output, stderr=output
        )


def until_said(log: Path, words: str, running: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while words not in log.read_text():
        assert running.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


@pytest.mark.parametrize(("role", "served"), [("egress", "streams at ws://"), ("ingress", "serving http://")])
def test_a_slow_engine_is_waited_for(venue: Venue, tmp_path: Path, role: str, served: str) -> None:
    log = tmp_path / "log"
    ports = {f"EXCHANGE_{name}_PORT": str(free_port()) for name in ("HTTP", "WS")}
    venue.engine.send_signal(signal.SIGSTOP)
    running = started(venue, role, log, **ports)
    try:
        until_said(log, "waiting: no answer to SETUP", running)
        venue.engine.send_signal(signal.SIGCONT)
        until_said(log, served, running)
        assert "Traceback" not in log.read_text()
    finally:
        venue.engine.send_signal(signal.SIGCONT)  # however this went: it is the next test's, too
        running.terminate()
        assert running.wait(60) == 0


class SlowRedis:
    """Between a process and Redis: what reads the log from its beginning is held until `released`."""

    def __init__(self, behind: str) -> None:
        self._behind = behind
        self.released, self.holds = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def at(self, path: Path) -> AsyncIterator[str]:
        async with await asyncio.start_unix_server(self._pass_on, path):
            yield f"unix://{path}"

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._behind)
        await asyncio.gather(self._pump(reader, back, True), self._pump(there, writer, False))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forth: bool) -> None:
        while data := await reader.read(65_536):
            if forth and b"XRANGE" in data.upper():
                self.holds.set()
                await self.released.wait()
            writer.write(data)
        writer.close()


async def test_a_restarted_ingress_tells_no_statistics_until_it_has_read_them(venue: Venue, tmp_path: Path) -> None:
    """503 with Retry-After, never an empty list; then what another process says."""
    order = {"symbol": "SOL_USDC", "orderType": "Limit", "price": "100", "quantity": "1"}
    for side, key in (("Ask", READER), ("Bid", TRADER)):
        venue.send("POST", "/api/v1/order", "orderExecute", order | {"side": side}, key).raise_for_status()
    log, port = tmp_path / "log", free_port()
    slow = SlowRedis(venue.environment["REDIS_URL"].removeprefix("unix://"))
    folder = Path(short_folder())
    async with slow.at(folder / "redis.sock") as url:
        running = await asyncio.to_thread(started, venue, "ingress", log, REDIS_URL=url, EXCHANGE_HTTP_PORT=str(port))
        try:
            await asyncio.to_thread(until_said, log, "serving http://", running)
            await slow.holds.wait()
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                for each in STATISTICS:
                    answer = await client.get(each)
                    assert answer.status_code == 503 and answer.headers["Retry-After"], (each, answer.text)
                slow.released.set()
                while (answer := await client.get(STATISTICS[0])).status_code == 503:
                    await asyncio.sleep(0.05)
            assert answer.json() and answer.json() == venue.client.get(STATISTICS[0]).json()
        finally:
            slow.released.set()
            running.terminate()
            assert await asyncio.to_thread(running.wait, 60) == 0
    shutil.rmtree(folder, ignore_errors=True)
