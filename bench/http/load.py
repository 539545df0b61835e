"""Load generators for `bench http`: prepared request bytes over kept-alive connections, each sent exactly once.

`wrk` costs least, so it is used where it is installed; it drops the requests in flight when its time is up, which are
counted as unanswered. The Python client finishes them. A batch is accepted as a whole, and its orders are refused one
by one: both clients look for those in its answer. Non-goal: open-loop load; both wait for each answer.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import uvloop

from bench.load.outcome.tally import NEVER, Answer, Tally, reason_of
from bench.load.targets import closed
from bench.load.targets.api import Address
from bench.load.targets.rest import RestPool

WRK = shutil.which("wrk")
REFUSED_ITEM = b'"operation":"Err"'  # of a batch, in its answer
_SEPARATOR = b"\0"
_WRK_SCRIPT = """
local requests, sent, threads = {}, 0, {}
refused_items = 0
function setup(thread)
  threads[#threads + 1] = thread
end
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
  local errors, items = summary.errors, 0
  for _, thread in ipairs(threads) do items = items + thread:get("refused_items") end
  io.write(string.format(
    '\\n{"answered":%d,"refused":%d,"items":%d,"broken":%d,"microseconds":%d,"p50":%d,"p99":%d}\\n',
    summary.requests, errors.status, items, errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration, latency:percentile(50), latency:percentile(99)))
end
"""
# With a function of this name wrk hands over every answer, so only where it is needed. What is looked for begins with a
# letter that answers hardly have: the search costs a fifth.
_WRK_LOOK_INTO_BATCHES = """
function response(status, headers, body)
  local _, last = body:find('Err"', 1, true)
  while last do
    refused_items = refused_items + 1
    _, last = body:find('Err"', last + 1, true)
  end
end
"""
_read_items = msgspec.json.Decoder(list[Answer])


@dataclass
class Load:
    """What one generator saw."""

    seconds: float
    answered: int
    accepted: int  # of the answered: status 2xx
    refused_items: int = 0  # orders in batches that were accepted
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)  # by their reason; wrk does not know them
    notes: dict[str, int] = field(default_factory=dict)  # what else happened, connections turned away above all

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    def of_orders(self, each: int) -> "Load":
        """The same in orders, of which each request had so many."""
        return replace(self, answered=self.answered * each, accepted=self.accepted * each - self.refused_items)

    @classmethod
    def of(cls, tally: Tally) -> "Load":
        """Of a closed loop of bench/load."""
        done, due = np.array(tally.done_ns), np.array(tally.due_ns)
        latencies_ms = (done - due)[done != NEVER] / 1e6
        p50, p99 = np.percentile(latencies_ms, [50, 99]).tolist() if len(latencies_ms) else (0.0, 0.0)
        accepted = sum(200 <= status < 300 for status in tally.status)
        notes, refusals = dict(tally.notes), dict(tally.refusals)
        return cls(tally.seconds, tally.answered, accepted, tally.refused_items, p50, p99, refusals, notes)


class BatchPool(RestPool):
    """Each request is a batch of `each` orders, which may be refused one by one."""

    def __init__(
        self,
        address: Address,
        requests: list[bytes],
        tally: Tally,
        now_ns: Callable[[], int],
        connections: int,
        each: int,
    ) -> None:
        super().__init__(address, requests, tally, now_ns, connections)
        self._each = each

    def answered(self, place: int, status: int, body: bytes) -> None:
        super().answered(place, status, body)
        if not 200 <= status < 300:
            for _ in range(self._each - 1):  # one is counted
                self.tally.refuse(status, reason_of(body))
        elif REFUSED_ITEM in body:
            for item in (each for each in _read_items.decode(body) if each.code):
                self.tally.refused_items += 1
                self.tally.refuse(status, item.reason)


def run_python(port: int, requests: list[bytes], seconds: float, connections: int, batch: int = 0) -> Load:
    """Each connection (of bench/load) sends one request after the other, until the time is up or none are left."""
    address = Address.of(f"http://127.0.0.1:{port}", "port", ("http", "https"))

    def pool(tally: Tally, now_ns: Callable[[], int]) -> RestPool:
        own = address, requests, tally, now_ns, connections
        return BatchPool(*own, batch) if batch else RestPool(*own)

    return Load.of(uvloop.run(closed.measure(pool, len(requests), seconds, 1)))


def run_wrk(port: int, requests: list[bytes], seconds: float, connections: int, batch: int = 0) -> Load:
    """`requests` must be more than are sent: the last one is a guard that ends the run."""
    assert WRK is not None
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(folder) / "orders.lua", Path(folder) / "requests"
        script.write_text(_WRK_SCRIPT + (_WRK_LOOK_INTO_BATCHES if batch else ""))
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
        refused_items=result["items"],
        p50_ms=result["p50"] / 1000,
        p99_ms=result["p99"] / 1000,
    )
