"""Orders a second end to end through the log: blocks into the command stream -> engine -> ring and event stream.

    exchange bench pipeline [--seconds N] [--block N] [--json FILE]

Starts a Valkey (append-only file on) and an engine of its own in a temporary folder; this process is the producer. It
is always well ahead of the engine and waits only in Redis, for the entry that lets it go on; the share of a core that
each part took is printed, and the rate is called a maximum only if one of them, or the machine, was at its limit.
Every command counts once it is in the event stream: at the end all of that stream is read, every command must be
answered by events, in order, and all balances must add up to what was deposited. Non-goals: HTTP (http/), the kernel
alone (kernel/), latency (a full pipeline queues).
"""

import argparse
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import numpy as np

from bench.own_folder import own_folder
from bench.report.result import Check, Figure, Run
from bench.report.shares import Shares, measured_shares
from bench.workloads import FUNDS_ATOMS, mixed_flow
from engine_core.arguments import new_file, seconds, whole
from engine_core.host.embedded import Valkey, running
from engine_core.transport.gateway import Gateway
from engine_core.transport.redis_connection import Connection, client_of
from engine_core.transport.replicated import EventReader, read_events
from engine_core.wire.codes import CommandKind, EventKind, QueryKind
from engine_core.wire.layout import EVENT
from engine_core.wire.limits import MAX_BLOCK_COMMANDS
from engine_core.wire.log import parse_description
from engine_core.wire.streams import FIELD, EntryId, Header, StreamEntries, decode_block, encode_block, keys, pack

SEED, MARKETS, ACCOUNTS = 7, 8, 500
PREPARED_PER_SECOND = 1_000_000  # more than the engine takes
WINDOW_COMMANDS = 1024 * 256  # in the log, not yet in the event log: the engine never waits for the producer
BURST = 16  # blocks that are sent at once, and waited for at once
UNANSWERED_BURSTS = 8  # whose entries Redis has not confirmed yet
BAR_PER_SECOND = 1_000_000
ENGINE_START_SECONDS = 300.0  # with an empty kernel cache
ANSWER_MS = 20_000
SAMPLE_SECONDS = 0.5
PRODUCER = 50  # gateway number

Log = Callable[[Path], AbstractContextManager[tuple[str, dict[str, str]]]]


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
    producer_waited: float  # share of the time, for the engine
    most_ahead: int  # commands that were sent and not known to be answered
    rates: list[float]
    shares: Shares


class Producer:
    """Appends blocks without waiting for each, but never more than a window ahead of the event log.

    By the mirror rule a block's entry has the same ID in both logs. So to wait until it is answered is to read the
    event log from the entry before it, and Redis wakes the reader.
    """

    def __init__(self, redis_url: str, block: int) -> None:
        self._connection = Connection(redis_url, 30)
        self._names = keys(0)
        self._client = client_of(redis_url, 30)
        self._reader = EventReader(self._names)
        self._block = block
        state = parse_description(self._names.events, self._client.xinfo_stream(self._names.events))
        self._header = Header(state.log_id, state.epoch, PRODUCER, time.time_ns(), sequence=0, time_ms=0)
        self.sent = 0  # blocks
        self._ids: deque[bytes] = deque()  # of those that Redis confirmed and whose events were not seen yet
        self._unconfirmed = 0
        self.most_ahead = 0  # commands that were sent and not known to be answered
        self.marks: list[tuple[float, int]] = []  # of one run: when so many blocks were known to be answered
        self.waited = 0.0  # seconds for the engine, with a window of blocks ahead of it
        self._last = bytes(str(state.top), "ascii")  # what both logs end with before the first

    def run(self, commands: np.ndarray, seconds: float) -> int:
        """Send for so long; the number of commands sent, all of which have their events in the log by then."""
        started, at = time.monotonic(), 0
        self.marks, self.waited, self.most_ahead = [(started, self.sent)], 0.0, 0
        window = max(2 * BURST, WINDOW_COMMANDS // self._block)
        while at < len(commands) and time.monotonic() - started < seconds:
            out = []
            for _ in range(min(BURST, -(-(len(commands) - at) // self._block))):
                out.append(self._encode(commands[at : at + self._block]))
                at += self._block
            self._connection.send([b"".join(out)])
            self._unconfirmed += len(out)
            self.most_ahead = max(self.most_ahead, (self._unconfirmed + len(self._ids)) * self._block)
            self._confirm(BURST * UNANSWERED_BURSTS)
            self._wait(window)
        self._confirm(0)
        self._wait(0)
        return min(at, len(commands))

    def _encode(self, commands: np.ndarray) -> bytes:
        self.sent += 1
        header = self._header._replace(sequence=self.sent, time_ms=time.time_ns() // 1_000_000)
        block = encode_block(header, commands)
        return pack(b"XADD", self._names.orders.encode(), b"*", FIELD, block)

    def _confirm(self, unconfirmed: int) -> None:
        """Take Redis's answers until at most so many are still to come."""
        while self._unconfirmed > unconfirmed:
            reply = self._connection.receive()
            if isinstance(reply, Exception):
                raise BenchError(f"Redis refused a block: {reply}")
            self._ids.append(reply)
            self._unconfirmed -= 1

    def _wait(self, behind: int) -> None:
        """Until the event log is at most so many blocks behind, and then a burst less."""
        while len(self._ids) > behind:
            for _ in range(min(BURST, len(self._ids)) - 1):
                self._last = self._ids.popleft()
            after, self._last = self._last, self._ids.popleft()
            began = time.monotonic()
            found: StreamEntries = []
            deadline = began + ANSWER_MS / 1000
            while not found and time.monotonic() < deadline:
                found = read_events(self._client, self._reader.steps(EntryId.parse(after), 1, ANSWER_MS))
            self.waited += time.monotonic() - began
            if not found:
                late = f"no events of entry {self._last.decode()} in {ANSWER_MS // 1000} s"
                raise BenchError(f"the engine does not keep up: {late}")
            self.marks.append((time.monotonic(), self.sent - self._unconfirmed - len(self._ids)))


def rates(marks: Sequence[tuple[float, int]], block: int) -> list[float]:
    """Commands a second in one part of a run after the other; all of them together are the run."""
    ends = [marks[0]]
    for mark in marks[1:]:
        if mark[0] - ends[-1][0] >= SAMPLE_SECONDS:
            ends.append(mark)
    if len(ends) > 1:
        ends[-1] = marks[-1]  # what is too short for a part of its own
    return [(count - before) * block / (at - since) for (since, before), (at, count) in pairwise(ends)]


@contextmanager
def engine(
    redis_url: str, folder: Path, *options: str, number: int = 0, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """An engine process; yields once it is ready. `number`: among those in one folder; `variables`: for it alone."""
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
        **(variables or {}),
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
    while rows := cast(StreamEntries, client.xrange(names.events, after, "+", count=256)):
        for entry, fields in rows:
            after = f"({EntryId.parse(entry)}"
            header, records = decode_block(fields[FIELD], EVENT)
            if header.gateway != PRODUCER:
                continue
            sequence += 1
            if header.sequence != sequence:
                raise BenchError(f"block {sequence} is answered as {header.sequence}")
            indexes = records["index"].astype(np.int64)
            if records["kind"][0] == EventKind.BLOCK_REFUSED or (np.diff(indexes) < 0).any():
                raise BenchError(f"block {sequence} was refused, or its events are out of order")
            if len(np.unique(indexes)) != header.commands:
                raise BenchError(f"block {sequence} answers {len(np.unique(indexes))} of {header.commands} commands")
            answered += header.commands
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


@contextmanager
def plain_log(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The URL of a Valkey in the folder, and variables for its engine."""
    with running(Valkey(folder, folder), folder / "valkey.log") as url:
        yield url, {}


def measure(seconds: float, block: int, log: Log = plain_log) -> Result:
    flow = mixed_flow(SEED, round(seconds * PREPARED_PER_SECOND), MARKETS, ACCOUNTS)
    setup = flow.setup[flow.setup["kind"] != CommandKind.GENESIS]
    with (
        own_folder("xb-", "/tmp") as folder,
        log(folder) as (url, variables),
        engine(url, folder, variables=variables) as process,
        Gateway(url, answer_seconds=ENGINE_START_SECONDS) as gateway,
    ):
        for first in range(0, len(setup), MAX_BLOCK_COMMANDS):
            gateway.execute(setup[first : first + MAX_BLOCK_COMMANDS])
        producer = Producer(url, block)
        warm = producer.run(flow.commands[: len(flow.commands) // 50], seconds)  # less if the time was up
        parts = {"engine": process.pid, "Redis": _redis_pid(url), "producer": os.getpid()}
        with measured_shares(parts) as shares:
            started = time.monotonic()
            sent = producer.run(flow.commands[warm:], seconds)
            took = time.monotonic() - started
        counted = flow.commands[warm : warm + sent]
        events, trades = verify(url, warm + sent, producer.sent)
        check_conservation(gateway)
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
        producer_waited=producer.waited / took,
        most_ahead=producer.most_ahead,
        rates=rates(producer.marks, block),
        shares=shares,
    )


def _redis_pid(redis_url: str) -> int:
    return int(client_of(redis_url, 10).info("server")["process_id"])


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
    run = Run("pipeline", options, SEED)
    try:
        result = measure(options.seconds, options.block)
    except (BenchError, TimeoutError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    _print(result)
    figures = [
        Figure("order messages", result.commands_per_second, "commands/s", "higher", result.rates),
        Figure("events", result.events_per_second, "events/s", "higher"),
        *(Figure(f"CPU, {name}", part.cores, "cores", "") for name, part in result.shares.parts.items()),
    ]
    checks = [
        Check("answers", True, "every command is answered once and in order, and the balances add up"),
        Check("the producer is not what is measured", result.producer_waited > 0.05, _waited(result)),
        Check("a maximum", bool(result.shares.limit), result.shares.verdict),
    ]
    own = {name: value for name, value in asdict(result).items() if name not in ("seconds", "rates", "shares")}
    own |= {"measured_seconds": result.seconds, "limit": result.shares.limit, "shares": asdict(result.shares)}
    run.write(options.json, figures, checks, own=own)
    return 0


def _waited(result: Result) -> str:
    share = f"{result.producer_waited:.0%} of the time"
    return f"the producer waited for the engine {share}, at most {result.most_ahead:,} commands ahead"


def _print(result: Result) -> None:
    kind = "a maximum" if result.shares.limit else "not a maximum"
    print(f"{result.commands_per_second:12,.0f} orders/s in blocks of {result.block}   bar {BAR_PER_SECOND:,}")
    print(f"{result.events_per_second:12,.0f} events/s, {result.trades:,} trades in {result.seconds:.1f} s")
    print(
        f"{result.commands:,} order messages ({result.placed:,} new orders), each answered once; balances add up\n"
        f"{result.shares.table()}\n{kind}: {result.shares.verdict}\n"
        f"{_waited(result)}"
    )


if __name__ == "__main__":
    sys.exit(main())
