"""Load generators for `bench http`: prepared request bytes over kept-alive connections, each sent exactly once.

`wrk` costs least, so it is used where it is installed; it drops the requests in flight when its time is up, which are
counted as unanswered. The Python client finishes them. Non-goal: open-loop load; both wait for each answer.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import uvloop

WRK = shutil.which("wrk")
_SEPARATOR = b"\0"
_WRK_SCRIPT = """
local requests, sent = {}, 0
function init(arguments)
  local file = io.open(arguments[1], "rb")
  for each in file:read("*a"):gmatch("[^%z]+") do requests[#requests + 1] = each end
  file:close()
end
function request()
  sent = sent + 1
  if sent >= #requests then wrk.thread:stop() end
  return requests[math.min(sent, #requests)]
end
function done(summary, latency, all)
  local errors = summary.errors
  io.write(string.format('\\n{"answered":%d,"refused":%d,"broken":%d,"microseconds":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass
class Load:
    """What one generator saw."""

    seconds: float
    answered: int
    accepted: int  # of the answered: status 2xx
    latencies_ms: list[float] = field(default_factory=list)  # empty where only percentiles are known
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0


class _Connection(asyncio.Protocol):
    """Sends one request after the other until the time is up or there are none left."""

    def __init__(self, requests: Iterator[bytes], deadline: float, load: Load, statuses: Counter[int]) -> None:
        self._requests, self._deadline, self._load, self._statuses = requests, deadline, load, statuses
        self._received = b""
        self._began = 0.0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, no subclass of it
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None) if time.perf_counter() < self._deadline else None
        if request is None:
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._load.latencies_ms.append((time.perf_counter() - self._began) * 1000)
        self._statuses[int(head[9:12])] += 1
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)


def _content_length(head: bytes) -> int:
    at = head.lower().index(b"content-length:") + 15
    return int(head[at:].split(b"\r\n", 1)[0])


def run_python(port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Load:
    return uvloop.run(_run(port, requests, seconds, connections))


async def _run(port: int, requests: Iterator[bytes], seconds: float, connections: int) -> Load:
    load, statuses = Load(0.0, 0, 0), Counter[int]()
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: _Connection(requests, began + seconds, load, statuses), "127.0.0.1", port
        )
        made.append(connection)
    await asyncio.gather(*(connection.finished for connection in made))
    load.seconds = time.perf_counter() - began
    load.statuses = dict(statuses)
    load.answered = sum(statuses.values())
    load.accepted = sum(count for status, count in statuses.items() if status < 300)
    ordered = sorted(load.latencies_ms)
    if ordered:
        load.p50_ms, load.p99_ms = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return load


def run_wrk(port: int, requests: list[bytes], seconds: float, connections: int) -> Load:
    """`requests` must be more than are sent: the last one is a guard that ends the run."""
    assert WRK is not None
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder) / "orders.lua", Path(folder) / "requests"
        script.write_text(_WRK_SCRIPT)
        file.write_bytes(_SEPARATOR.join(requests))
        command = [
            WRK,
            "-t1",
            f"-c{connections}",
            f"-d{max(1, round(seconds))}s",
            "--timeout",
            "10s",
            "-s",
            str(script),
        ]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}", "--", str(file)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"wrk ended with {done.returncode}: {done.stderr or done.stdout}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    if result["broken"]:
        raise RuntimeError(f"wrk lost {result['broken']} connections or requests")
    return Load(
        seconds=result["microseconds"] / 1e6,
        answered=result["answered"],
        accepted=result["answered"] - result["refused"],
        p50_ms=result["p50"] / 1000,
        p99_ms=result["p99"] / 1000,
    )
