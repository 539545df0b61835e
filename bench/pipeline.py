"""Orders a second end to end through the log: blocks into the command stream -> engine -> ring and event stream.

    exchange bench pipeline [--seconds N] [--block N] [--json FILE]

Starts a Valkey (append-only file on) and an engine of its own in a temporary folder; this process is the producer.
Every command counts once it is in the event stream: at the end all of that stream is read, every command must be
answered by events, in order, and all balances must add up to what was deposited. Non-goals: HTTP (http/), the kernel
alone (kernel/), latency (a full pipeline queues).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np

from bench.workloads import FUNDS_ATOMS, mixed_flow
from engine_core.arguments import new_file, seconds, whole
from engine_core.host.embedded import Valkey, running
from engine_core.transport.gateway import Gateway
from engine_core.transport.redis_connection import Connection, client_of
from engine_core.wire.codes import CommandKind, EventKind, QueryKind
from engine_core.wire.layout import BLOCK_HEADER, EVENT
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.log import parse_description
from engine_core.wire.streams import FIELD, EntryId, decode_block, encode_block, keys, pack

SEED, MARKETS, ACCOUNTS = 7, 8, 500
PREPARED_PER_SECOND = 700_000
WINDOW_COMMANDS = 128 * 256  # in the log, not yet in the event log: enough to keep all three busy
BAR_PER_SECOND = 300_000
ENGINE_START_SECONDS = 300.0  # with an empty kernel cache
PRODUCER = 50  # gateway number

Rows = list[tuple[bytes, dict[bytes, bytes]]]


class BenchError(RuntimeError):
    """The benchmark cannot run, or what came out is wrong."""


@dataclass(frozen=True)
class Result:
    commands: int
    placed: int  # of these, new orders; the rest are cancels and amends
    events: int
    trades: int
    block: int
    seconds: float
    commands_per_second: float
    events_per_second: float
    engine_cpu_seconds: float
    redis_cpu_seconds: float
    seed: int
    machine: str
    cores: int


class Producer:
    """Appends blocks without waiting for each, but never more than a window ahead of the event log."""

    def __init__(self, redis_url: str, block: int) -> None:
        self._connection = Connection(redis_url, 30)
        self._names = keys(0)
        self._client = client_of(redis_url, 30)
        self._block = block
        self._header = np.zeros(1, BLOCK_HEADER)
        state = parse_description(self._names.events, self._client.xinfo_stream(self._names.events))
        self._header["log_id"], self._header["epoch"] = state.log_id, state.epoch
        self._header["gateway"], self._header["incarnation"] = PRODUCER, time.time_ns()
        self._before = state.length
        self.sent = 0  # blocks

    def run(self, commands: np.ndarray, seconds: float) -> int:
        """Send for so long; the number of commands sent, all of which have their events in the log by then."""
        started, at = time.monotonic(), 0
        window = max(4, WINDOW_COMMANDS // self._block)
        while at < len(commands) and time.monotonic() - started < seconds:
            burst = min(max(1, window // 8), -(-(len(commands) - at) // self._block))
            out = []
            for _ in range(burst):
                out.append(self._encode(commands[at : at + self._block]))
                at += self._block
            self._connection.send([b"".join(out)])
            for _ in range(burst):
                reply = self._connection.receive()
                if isinstance(reply, Exception):
                    raise BenchError(f"Redis refused a block: {reply}")
            self._wait(window - burst)
        self._wait(0)
        return min(at, len(commands))

    def _encode(self, commands: np.ndarray) -> bytes:
        self.sent += 1
        self._header["sequence"], self._header["time_ms"] = self.sent, time.time_ns() // 1_000_000
        block = encode_block(self._header, commands)
        return pack(b"XADD", self._names.orders.encode(), b"*", FIELD, block)

    def _wait(self, behind: int) -> None:
        """Until the event log is at most so many blocks behind."""
        deadline = time.monotonic() + 60
        while (missing := self.sent - (int(self._client.xlen(self._names.events)) - self._before)) > behind:
            if time.monotonic() > deadline:
                raise BenchError(f"the engine does not keep up: {missing} blocks are missing after a minute")
            time.sleep(0.0005)


@contextmanager
def engine(redis_url: str, folder: Path, *options: str, number: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """An engine process; yields once it is ready. `number`: among those in one folder."""
    ready, tell = os.pipe()
    environment = {
        **os.environ,
        "REDIS_URL": redis_url,
        "EXCHANGE_DATA": str(folder),
        "EXCHANGE_RUNTIME": str(folder),
        "EXCHANGE_READY_FD": str(tell),
        "EXCHANGE_PARENT_PID": str(os.getpid()),
        "EXCHANGE_METRICS_PORT": "0",
        "EXCHANGE_WORKER": str(number),
        "EXCHANGE_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-P", "-m", "engine_core.runtime", *options]
    process = subprocess.Popen(command, env=environment, pass_fds=(tell,))
    os.close(tell)
    try:
        if os.read(ready, 1) != b"1":
            raise BenchError("the engine did not start; what it says stands above")
        yield process
    finally:
        os.close(ready)
        process.terminate()
        process.wait()


def verify(redis_url: str, sent: int, blocks: int) -> tuple[int, int]:
    """Read the event log back: (events, trades). BenchError unless every command is answered exactly once, in order."""
    client, names = client_of(redis_url, 60), keys(0)
    answered = sequence = events = trades = 0
    after = "-"
    while rows := cast(Rows, client.xrange(names.events, after, "+", count=256)):
        for entry, fields in rows:
            after = f"({EntryId.parse(entry)}"
            header, records = decode_block(fields[FIELD], EVENT)
            if header["gateway"] != PRODUCER:
                continue
            sequence += 1
            if header["sequence"] != sequence:
                raise BenchError(f"block {sequence} is answered as {header['sequence']}")
            indexes = records["index"].astype(np.int64)
            if records["kind"][0] == EventKind.BLOCK_REFUSED or (np.diff(indexes) < 0).any():
                raise BenchError(f"block {sequence} was refused, or its events are out of order")
            if len(np.unique(indexes)) != header["commands"]:
                raise BenchError(f"block {sequence} answers {len(np.unique(indexes))} of {header['commands']} commands")
            answered += int(header["commands"])
            events += len(records)
            trades += int((records["kind"] == EventKind.FILL).sum()) // 2
    if (answered, sequence) != (sent, blocks):
        raise BenchError(f"{sent} commands in {blocks} blocks were sent, {answered} in {sequence} answered")
    return events, trades


def check_conservation(gateway: Gateway) -> None:
    """BenchError unless the balances of all accounts add up to what was deposited."""
    sums: dict[int, int] = {}
    for account in range(1, ACCOUNTS + 2):
        for row in gateway.query(QueryKind.BALANCES, account=account)[1]:
            asset = int(row["asset"])
            sums[asset] = sums.get(asset, 0) + int(row["available"]) + int(row["locked"])
    for asset in range(1, MARKETS + 2):
        if sums.get(asset) != ACCOUNTS * FUNDS_ATOMS:
            raise BenchError(f"asset {asset}: {ACCOUNTS * FUNDS_ATOMS} was deposited, {sums.get(asset)} is there")


def measure(seconds: float, block: int) -> Result:
    flow = mixed_flow(SEED, round(seconds * PREPARED_PER_SECOND), MARKETS, ACCOUNTS)
    setup = flow.setup[flow.setup["kind"] != CommandKind.GENESIS]
    folder = Path(tempfile.mkdtemp(prefix="xb-", dir="/tmp"))
    folder.chmod(0o700)
    try:
        with (
            running(Valkey(folder, folder), folder / "valkey.log") as url,
            engine(url, folder) as process,
            Gateway(url, answer_seconds=ENGINE_START_SECONDS) as gateway,
        ):
            for first in range(0, len(setup), MAX_BLOCK_COMMANDS):
                gateway.execute(setup[first : first + MAX_BLOCK_COMMANDS])
            producer = Producer(url, block)
            warm = len(flow.commands) // 50
            producer.run(flow.commands[:warm], seconds)
            before, started = _cpu_seconds(process.pid, url), time.monotonic()
            sent = producer.run(flow.commands[warm:], seconds)
            took = time.monotonic() - started
            engine_cpu, redis_cpu = np.subtract(_cpu_seconds(process.pid, url), before).tolist()
            counted = flow.commands[warm : warm + sent]
            events, trades = verify(url, warm + sent, producer.sent)
            check_conservation(gateway)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    share = sent / (warm + sent)
    return Result(
        commands=sent,
        placed=int((counted["kind"] == CommandKind.PLACE).sum()),
        events=round(events * share),
        trades=round(trades * share),
        block=block,
        seconds=took,
        commands_per_second=sent / took,
        events_per_second=events * share / took,
        engine_cpu_seconds=engine_cpu,
        redis_cpu_seconds=redis_cpu,
        seed=SEED,
        machine=platform.platform(),
        cores=os.cpu_count() or 1,
    )


def _cpu_seconds(engine_pid: int, redis_url: str) -> tuple[float, float]:
    """CPU time so far of the engine and of Redis."""
    fields = Path(f"/proc/{engine_pid}/stat").read_text().rsplit(")", 1)[1].split()
    cpu = client_of(redis_url, 10).info("cpu")
    ticks = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return ticks, float(cpu["used_cpu_sys"]) + float(cpu["used_cpu_user"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="exchange bench pipeline", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=seconds(0.1, 86_400), default=5.0, help="duration of the load (default: 5)")
    parser.add_argument(
        "--block", type=whole(1, 1024), default=256, help="commands per block, 1 to 1024 (default: 256)"
    )
    parser.add_argument("--json", type=new_file, metavar="FILE", help="also write the result to FILE")
    options = parser.parse_args(argv)
    if not (options.seconds > 0 and 1 <= options.block <= MAX_BLOCK_COMMANDS):
        parser.error("--seconds must be above 0, --block from 1 to 1024")
    try:
        result = measure(options.seconds, options.block)
    except (BenchError, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{result.commands_per_second:12,.0f} orders/s in blocks of {result.block}   bar {BAR_PER_SECOND:,}")
    print(f"{result.events_per_second:12,.0f} events/s, {result.trades:,} trades in {result.seconds:.1f} s")
    print(
        f"{result.commands:,} order messages ({result.placed:,} new orders), each answered once; balances add up; "
        f"CPU: engine {result.engine_cpu_seconds:.1f} s, Redis {result.redis_cpu_seconds:.1f} s"
    )
    if options.json:
        options.json.write_text(json.dumps(asdict(result), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
