"""One shard's log replayed through the real book, and held against what its engine has published.

Replayed is the whole log; what was trimmed, or executed by code of an earlier behaviour version, is taken from the
oldest snapshot of this one, or from any that is named. Checked are: that every entry of the command log gives the very
bytes that stand in the event log; that every snapshot on the way is the very state that replay comes to; and every
invariant of the resulting state. What was withdrawn to an account of this exchange that did not get it is lost, and
said to be.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import redis

from engine_core.book import audit
from engine_core.book.memory.state import ACCOUNTS, State, capacities_of
from engine_core.config.settings import Settings
from engine_core.operator.target.running import CommandError
from engine_core.runtime.config import capacities
from engine_core.runtime.machine import Machine, Mirror
from engine_core.runtime.snapshots import snapshot
from engine_core.runtime.snapshots.snapshot import OldSnapshot, SnapshotError
from engine_core.transport.behaviour import begun_by
from engine_core.transport.redis_connection import describe
from engine_core.wire import destinations
from engine_core.wire.codes import CommandKind, EventKind, Reason
from engine_core.wire.layout import ADMIN_EVENT, BEHAVIOUR_VERSION, EVENT
from engine_core.wire.log import LogError
from engine_core.wire.streams import FIELD, BlockError, EntryId, StreamEntries, decode_block, keys

CHUNK = 256  # entries read at once
MIRROR_TIMEOUT_S = 10.0  # for the engine to have published what was appended just before
MOST_PROBLEMS = 10  # beyond, nothing more is looked for
SAY_SECONDS = 2.0


class Lost(NamedTuple):
    """A withdrawal to an address of this exchange that credited nobody."""

    account: int
    asset: int
    atoms: int
    to_account: int


@dataclass(slots=True)
class Findings:
    began: str = "the beginning of the log"
    snapshots: int = 0  # met on the way, and found equal
    entries: int = 0
    commands: int = 0
    events: int = 0
    problems: list[str] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)


class Inside:
    """The addresses of the exchange's own accounts, by the word that the log has of each."""

    def __init__(self) -> None:
        self._accounts: dict[int, int] = {}

    def account_of(self, word: int, accounts: int) -> int:
        """0 for any other address."""
        for account in range(len(self._accounts) + 1, accounts + 1):
            self._accounts[destinations.word_of(destinations.of_account(account))] = account
        return self._accounts.get(word, 0)


class Replay:
    """One shard's log, and how far it has been replayed."""

    def __init__(self, settings: Settings, shard: int, client: redis.Redis, say: Callable[[str], None]) -> None:
        self.shard = shard
        self.machine = Machine(capacities(settings.config.capacity, settings.shards))
        self.findings = Findings()
        self._names, self._client, self._say = keys(shard), client, say
        self._known = _snapshots(settings.data, shard, self.findings)
        self._inside = Inside()

    @property
    def state(self) -> State:
        return self.machine.state

    def begin(self, wanted: Path | None) -> None:
        """Go to where the replay starts: nowhere if the log is whole, else a snapshot."""
        orders = describe(self._client, self._names.orders)
        behaviour = begun_by(self._client, self._names)
        is_old = behaviour not in (0, BEHAVIOUR_VERSION)
        path = wanted
        if path is None and (is_old or not orders.is_complete):
            if not self._known:
                why = f"begun by code of behaviour version {behaviour}" if is_old else "trimmed"
                raise CommandError(
                    f"{self._names.orders} was {why}, and there is no snapshot of behaviour version "
                    f"{BEHAVIOUR_VERSION} to start from; if the exchange is of an earlier one: verify it with that "
                    "code, or `exchange upgrade` it first"
                )
            path = self._known[min(self._known)]
        if path is None:
            return
        try:
            found, state = snapshot.read(path)
        except SnapshotError as error:
            raise CommandError(str(error)) from None
        log_id = describe(self._client, self._names.events).log_id
        if found.place.log_id != log_id:
            raise CommandError(f"{path} is of log {found.place.log_id}, Redis holds log {log_id}")
        try:
            orders.check(found.place.entry)
        except LogError as error:
            raise CommandError(str(error)) from None
        self.machine.adopt(state, found.place.entry, found.place.epoch)
        self.findings.began = path.name
        if is_old:
            self.findings.began += (
                f" (everything before it was executed by behaviour version {behaviour}, whose code can prove it)"
            )

    def run(self, until: Callable[[State], bool] = lambda state: False) -> None:
        """Execute what the command log holds now, or of it as much as is asked for, and compare with the event log
        entry by entry."""
        findings = self.findings
        top = _top(self._client, self._names.orders)
        if top is None:
            findings.problems.append(f"{self._names.orders} is empty")
            return
        said_at = time.monotonic()
        for entry, block, published in self._entries(top):
            mirror = _execute(self.machine, entry, block, published)
            self._compare(entry, mirror, published)
            if len(findings.problems) > MOST_PROBLEMS:
                findings.problems.append("and perhaps more: stopped here")
                return
            if until(self.state):
                return
            if time.monotonic() - said_at > SAY_SECONDS:
                said_at = time.monotonic()
                self._say(f"replayed {findings.commands} commands, up to entry {entry} of {top}")

    def audit(self) -> None:
        """Every invariant of the state that it has come to."""
        try:
            audit.audit(self.state)
        except AssertionError as error:
            self.findings.problems.append(f"an invariant of the book does not hold: {error}")

    def _compare(self, entry: EntryId, mirror: Mirror, published: bytes | None) -> None:
        findings = self.findings
        findings.entries += 1
        findings.commands += mirror.commands
        findings.events += len(mirror.events)
        findings.lost += lost_in(self.state, mirror.events, self._inside)
        if published is None:
            findings.problems.append(f"entry {entry} of {self._names.orders} has no mirror in {self._names.events}")
        elif self.machine.encode(mirror) != published:
            findings.problems.append(f"entry {entry} gives other events than those in {self._names.events}")
        if entry in self._known:
            self._compare_snapshot(self._known[entry])

    def _compare_snapshot(self, path: Path) -> None:
        """A snapshot must be the state that replay has come to."""
        try:
            found, state = snapshot.read(path)
        except SnapshotError as error:
            if path.exists():  # else the engine, which keeps only a few, has deleted it meanwhile
                self.findings.problems.append(str(error))
            return
        if found.capacities != capacities_of(self.state):
            return  # taken before [capacity] was changed
        if audit.digest(state) != audit.digest(self.state):
            self.findings.problems.append(f"{path} differs from the state that the log gives up to {found.place.entry}")
            return
        self.findings.snapshots += 1

    def _entries(self, top: EntryId) -> Iterator[tuple[EntryId, bytes, bytes | None]]:
        """Each entry of the command log with its mirror."""
        orders, events = self._names.orders, self._names.events
        position = f"({self.machine.position}"
        while rows := cast(StreamEntries, self._client.xrange(orders, position, str(top), count=CHUNK)):
            last = rows[-1][0].decode()
            mirrors = dict(cast(StreamEntries, self._client.xrange(events, rows[0][0].decode(), last, count=2 * CHUNK)))
            for name, fields in rows:
                entry = EntryId.parse(name)
                mirror = mirrors[name].get(FIELD, b"") if name in mirrors else _mirror(self._client, events, entry)
                yield entry, fields.get(FIELD, b""), mirror
            position = f"({last}"


def _snapshots(data: Path, shard: int, findings: Findings) -> dict[EntryId, Path]:
    """The whole snapshots by their place; a damaged one is a finding."""
    known = {}
    for path in snapshot.found(data, shard):
        try:
            known[snapshot.describe(path).place.entry] = path
        except OldSnapshot:
            continue  # for the code that wrote it to prove
        except SnapshotError as error:
            findings.problems.append(str(error))
    return known


def lost_in(state: State, events: np.ndarray, inside: Inside) -> list[Lost]:
    """Of these events, what went to an account of the exchange and did not come."""
    applied = events[events["kind"] == EventKind.APPLIED].view(ADMIN_EVENT)["command"]
    found = []
    for command in applied[(applied["kind"] == CommandKind.WITHDRAW) & (applied["asked_address"] != 0)]:
        account = inside.account_of(int(command["asked_address"]), int(state.scalars[ACCOUNTS]))
        if account:
            found.append(Lost(int(command["account"]), int(command["asset"]), int(command["amount_atoms"]), account))
    return found


def _execute(machine: Machine, entry: EntryId, block: bytes, published: bytes | None) -> Mirror:
    """As the engine did: an entry that an operator had skipped is not executed."""
    if published is not None:
        try:
            first = decode_block(published, EVENT)[1][0]
            if first["kind"] == EventKind.BLOCK_REFUSED and first["reason"] == Reason.SKIPPED:
                return machine.skip(entry, block)
        except (BlockError, IndexError):
            pass  # damaged: the comparison will tell
    return machine.execute(entry, block)


def _top(client: redis.Redis, stream: str) -> EntryId | None:
    rows = cast(StreamEntries, client.xrevrange(stream, count=1))
    return EntryId.parse(rows[0][0]) if rows else None


def _mirror(client: redis.Redis, stream: str, entry: EntryId) -> bytes | None:
    """What the event log has at `entry`; waits a little, because the engine may just be at it."""
    deadline = time.monotonic() + MIRROR_TIMEOUT_S
    while True:
        rows = cast(StreamEntries, client.xrange(stream, str(entry), str(entry)))
        if rows:
            return rows[0][1].get(FIELD, b"")
        top = _top(client, stream)
        if (top is not None and top > entry) or time.monotonic() > deadline:
            return None
        time.sleep(0.02)
