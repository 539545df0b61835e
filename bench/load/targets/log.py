"""Orders as blocks into the command log, past ingress: the way of an ingress process at its best.

Everything that is due goes into the next block, as far as it fits. A thread reads the event log; an order is answered
when its events are read there. Needs the exchange's own Redis, so it runs on the exchange's machine.
"""

import secrets
import threading
import time
from multiprocessing.connection import Connection as Pipe

import numpy as np

from bench.load.job import STOP, Done, Job, Progress, Ready
from bench.load.outcome.tally import NEVER, Columns, command_columns
from bench.load.plan.markets import Market
from bench.load.plan.orders import Orders
from bench.load.targets.api import Account, BenchError
from engine_core.replica.setup import Setup
from engine_core.transport.gateway import TOOL_NUMBERS, Gateway
from engine_core.transport.primary import UNREACHABLE
from engine_core.transport.redis_connection import Connection, client_of, describe
from engine_core.transport.replicated import EventReader, read_events
from engine_core.wire.codes import EventKind, QueryKind, Reason
from engine_core.wire.layout import EVENT
from engine_core.wire.streams import FIELD, EntryId, Header, decode_block, encode_block, keys, pack

READ_ENTRIES = 64
READ_MS = 100
TIMEOUT_SECONDS = 10.0
REPORT_NS = 250_000_000
WINDOW_COMMANDS = 65_536  # of a closed loop: on their way at most
ACCEPTED, REFUSED = 200, 400
_REFUSALS = (EventKind.REJECTED, EventKind.BLOCK_REFUSED)


def addressed(orders: Orders, accounts: list[Account], markets: list[Market], redis_url: str) -> Orders:
    """The orders with the exchange's own numbers of accounts and markets."""
    with Gateway(redis_url) as gateway:
        setup = Setup()
        setup.apply(gateway.query(QueryKind.SETUP)[1])
    numbers = []
    for account in accounts:
        key = setup.keys.get(bytes(account.key.verify_key))
        if key is None:
            raise BenchError(f"the exchange does not know the API key {account.api_key}")
        numbers.append(key.account)
    commands = orders.commands.copy()
    commands["account"] = np.array(numbers)[commands["account"]]
    commands["market"] = np.array([setup.market_by_symbol[each.symbol].number for each in markets])[commands["market"]]
    return orders._replace(commands=commands)


def run(pipe: Pipe, job: Job) -> None:
    sender = _Sender(pipe, job)
    pipe.send(Ready())
    start_ns = pipe.recv()
    began, cpu = time.monotonic(), time.process_time()
    try:
        due = sender.run(start_ns)
    except UNREACHABLE as error:
        raise BenchError(f"Redis does not accept blocks any more: {error}") from None
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    pipe.send(Done(sender.columns.part(slice(due)), time.monotonic_ns() - start_ns, cpu, seconds))


class _Sender:
    def __init__(self, pipe: Pipe, job: Job) -> None:
        self._pipe, self._job, self._names = pipe, job, keys(0)
        orders = addressed(job.orders, job.accounts, job.markets, job.redis)
        self._commands, count = orders.commands, len(orders.commands)
        self._connection = Connection(job.redis, TIMEOUT_SECONDS)
        self._client = client_of(job.redis, TIMEOUT_SECONDS)
        state = describe(self._client, self._names.events)
        self._after = state.top
        self._header = Header(
            *(state.log_id, state.epoch), TOOL_NUMBERS + secrets.randbits(31), time.time_ns(), sequence=0, time_ms=0
        )
        self._firsts = [0]  # place of each block's first command; the last entry: of the next block
        self.columns = Columns(
            **command_columns(job.orders.commands),
            due_ns=orders.at_ns.copy(),
            sent_ns=np.full(count, NEVER),
            done_ns=np.full(count, NEVER),
            status=np.zeros(count, np.int64),
            late_ns=np.zeros(count, np.int64),
            refusals={},
            notes={},
        )
        self._answered = 0  # blocks
        self._seen = 0  # of the answered orders, those that a report was about
        self._is_over = False

    def run(self, start_ns: int) -> int:
        """Send all, or until told to stop; how many were due."""
        reader = threading.Thread(target=self._read, args=(start_ns,), daemon=True)
        reader.start()
        total, reported_ns = len(self._commands), 0
        while (first := self._firsts[-1]) < total:
            now_ns = time.monotonic_ns() - start_ns
            last = self._due(first, now_ns)
            if last > first:
                self._append(first, min(last, first + self._job.block), now_ns)
            else:
                time.sleep(self._pause(first, now_ns))
            if now_ns - reported_ns > REPORT_NS:
                reported_ns = now_ns
                self._report()
                if self._pipe.poll() and self._pipe.recv() == STOP:
                    break
            if self._job.closed_seconds and now_ns > self._job.closed_seconds * 1e9:
                break
        deadline = time.monotonic() + self._job.patience
        while self._answered < len(self._firsts) - 1 and time.monotonic() < deadline:
            time.sleep(0.001)
        self._is_over = True
        reader.join()
        return self._firsts[-1]

    def _due(self, first: int, now_ns: int) -> int:
        """Up to which place orders are due now."""
        if not self._job.closed_seconds:
            return int(np.searchsorted(self.columns.due_ns, now_ns, "right"))
        waiting = first - self._firsts[self._answered]
        last = min(len(self._commands), first + max(0, WINDOW_COMMANDS - waiting))
        self.columns.due_ns[first : min(last, first + self._job.block)] = now_ns
        return last

    def _pause(self, first: int, now_ns: int) -> float:
        if self._job.closed_seconds:
            return 0.0002
        return min(max(0, int(self.columns.due_ns[first]) - now_ns) / 1e9, 0.1)

    def _append(self, first: int, last: int, now_ns: int) -> None:
        columns = self.columns
        columns.late_ns[first:last] = now_ns - columns.due_ns[first:last]
        columns.sent_ns[first:last] = now_ns
        header = self._header._replace(sequence=len(self._firsts), time_ms=time.time_ns() // 1_000_000)
        self._firsts.append(last)
        block = encode_block(header, self._commands[first:last])
        self._connection.send([pack(b"XADD", self._names.orders.encode(), b"*", FIELD, block)])
        reply = self._connection.receive()
        if isinstance(reply, Exception):
            raise BenchError(f"Redis refused a block: {reply}")

    def _read(self, start_ns: int) -> None:
        """The event log, as it grows."""
        after, reader = self._after, EventReader(self._names)
        while not self._is_over:
            try:
                rows = read_events(self._client, reader.steps(after, READ_ENTRIES, READ_MS))
            except UNREACHABLE:
                time.sleep(0.05)  # it may come back; what is not answered in time has no known outcome
                continue
            now_ns = time.monotonic_ns() - start_ns
            for entry, fields in rows:
                after = EntryId.parse(entry)
                self._take(*decode_block(fields[FIELD], EVENT), now_ns)

    def _take(self, header: Header, events: np.ndarray, now_ns: int) -> None:
        if (header.gateway, header.incarnation) != (self._header.gateway, self._header.incarnation):
            return
        block = header.sequence - 1
        first, last = self._firsts[block], self._firsts[block + 1]
        columns = self.columns
        columns.done_ns[first:last] = now_ns
        columns.status[first:last] = ACCEPTED
        refused = events[np.isin(events["kind"], _REFUSALS)]
        for event in refused:
            is_block = event["kind"] == EventKind.BLOCK_REFUSED
            places = (
                slice(first, last) if is_block else slice(first + int(event["index"]), first + int(event["index"]) + 1)
            )
            columns.status[places] = REFUSED
            reason, count = Reason(int(event["reason"])).name, last - first if is_block else 1
            columns.refusals[reason] = columns.refusals.get(reason, 0) + count
        self._answered = block + 1

    def _report(self) -> None:
        answered = self._firsts[self._answered]
        columns, fresh = self.columns, slice(self._seen, answered)
        latencies = (columns.done_ns[fresh] - columns.due_ns[fresh]).tolist()
        self._seen = answered
        self._pipe.send(Progress(self._firsts[-1], answered, sum(columns.refusals.values()), latencies))
