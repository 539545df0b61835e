"""Load generators for `bench http`: prepared request bytes over kept-alive connections, each sent exactly once.

`wrk` costs least, so it is used where it is installed; it drops the requests in flight when its time is up, which are
counted as unanswered. The Python client finishes them. Non-goal: open-loop load; both wait for each answer.
"""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import uvloop

from bench.load.outcome.tally import NEVER, Tally
from bench.load.targets import closed
from bench.load.targets.api import Address
from bench.load.targets.rest import RestPool

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
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    refusals: dict[str, int] = field(default_factory=dict)  # by their reason; wrk does not know them
    notes: dict[str, int] = field(default_factory=dict)  # what else happened, connections turned away above all

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    def of_orders(self, each: int) -> "Load":
        """The same in orders, of which each request had so many."""
        return replace(self, answered=self.answered * each, accepted=self.accepted * each)

    @classmethod
    def of(cls, tally: Tally) -> "Load":
        """Of a closed loop of bench/load."""
        done, due = np.array(tally.done_ns), np.array(tally.due_ns)
        latencies_ms = (done - due)[done != NEVER] / 1e6
        p50, p99 = np.percentile(latencies_ms, [50, 99]).tolist() if len(latencies_ms) else (0.0, 0.0)
        accepted = sum(200 <= status < 300 for status in tally.status)
        return cls(tally.seconds, tally.answered, accepted, p50, p99, dict(tally.refusals), dict(tally.notes))


def run_python(port: int, requests: list[bytes], seconds: float, connections: int) -> Load:
    """Each connection (of bench/load) sends one request after the other, until the time is up or none are left."""
    address = Address.of(f"http://127.0.0.1:{port}", "port", ("http", "https"))
    measured = closed.measure(
        lambda tally, now_ns: RestPool(address, requests, tally, now_ns, connections), len(requests), seconds, 1
    )
    return Load.of(uvloop.run(measured))


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
