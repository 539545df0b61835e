"""A Redis in memory, with the few commands that the engine, the gateway and the writer use, and with its own accidents.

Everything that changes it is written to a journal, as to the append-only file. A crash may lose the end of it: what was
not synced, `everysec` up to two seconds of it, `always` only what nobody was answered; `replicated`, when its host dies
and a replica is promoted, what that had not received. Connections break, and then a command may have arrived or not.
Questions and answers are not in the journal.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import redis

from engine_core.runtime.log.tail import NOT_ABOVE_TOP
from engine_core.transport.replicated import COMPARED, SERVER
from engine_core.wire.streams import FIELD, ORIGIN, EntryId
from tests.simulated.world import START_MS, World

SYNC_SECONDS = 1.5
LAG_SECONDS = 0.002  # of a replica
SWIFT = 0.9  # of the replies that an engine looks for: they are there
Fields = dict[bytes, bytes]


@dataclass
class Stream:
    entries: dict[EntryId, bytes] = field(default_factory=dict)  # in order
    top: EntryId = ORIGIN
    added: int = 0

    def after(self, position: EntryId) -> list[EntryId]:
        """Entries above the position; they are few, for whoever reads is near the end."""
        found = []
        for entry in reversed(self.entries):
            if entry <= position:
                break
            found.append(entry)
        return found[::-1]


class Lost(NamedTuple):
    """An entry that a crash took away."""

    name: str
    entry: EntryId
    block: bytes


class Server:
    def __init__(self, world: World, durability: str) -> None:
        self.world = world
        self.durability = durability
        self.streams: dict[str, Stream] = {}
        self.values: dict[str, bytes] = {}
        self.expires: dict[str, float] = {}  # values that do
        self.run_id = b"server0"
        self.away_until = 0.0  # the replica
        self._replicated = 0  # so much of the journal it has
        self.sets: dict[str, set[bytes]] = {}
        self.history: dict[str, dict[EntryId, bytes]] = {}  # nothing trimmed; what a crash lost is gone here too
        self.connections: dict[int, SimConnection] = {}
        self.published: dict[str, list[bytes]] = {}  # by channel
        self.up = True
        self.full = False
        self.lost: list[Lost] = []  # by crashes so far
        self._numbers = 0
        self._journal: list[tuple[float, Callable[[], None]]] = []  # when, and how to undo it

    def stream(self, name: str) -> Stream:
        return self.streams.setdefault(name, Stream())

    def add(self, name: str, block: bytes, entry: EntryId | None, *, kept: bool = True) -> EntryId:
        """`kept`: in the journal, too."""
        if self.full:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")
        log = self.stream(name)
        if entry is None:
            now_ms = START_MS + int(self.world.now * 1000)
            entry = EntryId(now_ms, 0) if now_ms > log.top.ms else EntryId(log.top.ms, log.top.seq + 1)
        if entry <= log.top:
            raise redis.ResponseError(f"The ID specified in XADD is {NOT_ABOVE_TOP}")
        if kept:
            self.history.setdefault(name, {})[entry] = block
            self._journal.append((self.world.now, self._forgets(name, entry, log.top)))
        log.entries[entry] = block
        log.top, log.added = entry, log.added + 1
        return entry

    def _forgets(self, name: str, entry: EntryId, before: EntryId) -> Callable[[], None]:
        def forget() -> None:
            log = self.streams[name]
            log.entries.pop(entry, None)
            log.top, log.added = before, log.added - 1
            self.lost.append(Lost(name, entry, self.history[name].pop(entry)))

        return forget

    def trim(self, name: str, bound: EntryId, limit: int) -> int:
        log = self.stream(name)
        old = {entry: block for entry, block in log.entries.items() if entry < bound}
        old = dict(list(old.items())[:limit])
        for entry in old:
            del log.entries[entry]

        def put_back() -> None:
            log.entries = {**old, **log.entries}

        if old:
            self._journal.append((self.world.now, put_back))
        return len(old)

    def add_mark(self, name: str, entry: EntryId, block: bytes, *, again: bool) -> EntryId:
        """The only entry of its stream; `again`: of a new one, whatever is in the old one. Also when there is no room
        for anything else."""
        before = self.stream(name)
        if entry <= before.top and not again:
            raise redis.ResponseError(f"The ID specified in XADD is {NOT_ABOVE_TOP}")
        self.streams[name] = Stream({entry: block}, entry, before.added + 1)
        self._journal.append((self.world.now, lambda: self.streams.update({name: before})))
        return entry

    @property
    def written(self) -> int:
        """How much was written so far: an offset in the stream that the replica takes."""
        return len(self._journal)

    def replicated(self) -> int:
        """How much of it the replica has."""
        if self.world.now >= self.away_until:
            due = self.world.now - LAG_SECONDS
            while self._replicated < len(self._journal) and self._journal[self._replicated][0] <= due:
                self._replicated += 1
        return self._replicated

    def set(self, name: str, value: bytes) -> None:
        before = self.values.get(name)

        def put_back() -> None:
            if before is None:
                del self.values[name]
            else:
                self.values[name] = before

        self.values[name] = value
        self._journal.append((self.world.now, put_back))

    def members(self, name: str, members: Iterable[bytes], *, are: bool) -> None:
        """Have these in the set, or not."""
        before = frozenset(self.sets.get(name, ()))
        self.sets[name] = {*before, *members} if are else {*before}.difference(members)
        self._journal.append((self.world.now, lambda: self.sets.update({name: {*before}})))

    def crash(self, copied: float | None = None) -> None:
        """kill -9, or the power: connections end, and so does what was not on the disk.

        `copied`: it comes back with a copy of the logs that is so many seconds old.
        """
        self.up = False
        for connection in list(self.connections.values()):
            connection.broken = True
        self.connections.clear()
        if copied is not None:
            self._lose([moment <= self.world.now - copied for moment, _ in self._journal].count(True))
        elif self.durability == "replicated":
            self._lose(self.world.chance.randrange(self._replicated, len(self._journal) + 1))
        elif self.durability == "everysec":
            since = self.world.now - SYNC_SECONDS
            unsynced = [at for at, (moment, _) in enumerate(self._journal) if moment > since]
            if unsynced:
                self._lose(self.world.chance.randrange(unsynced[0], len(self._journal) + 1))

    def _lose(self, keep: int) -> None:
        for _, undo in reversed(self._journal[keep:]):
            undo()
        del self._journal[keep:]
        self._replicated = min(self._replicated, keep)

    def restart(self) -> None:
        self.up = True
        self.run_id = b"server%d" % self.number()

    def number(self) -> int:
        self._numbers += 1
        return self._numbers


def _id(text: bytes | str) -> EntryId:
    text = text.decode() if isinstance(text, bytes) else text
    return ORIGIN if text in ("-", "0") else EntryId.parse(text)


class SimConnection:
    """Stands in for runtime.connection.Connection: bytes in, replies out, in order."""

    def __init__(self, server: Server, timeout_seconds: float) -> None:
        self._server, self._world = server, server.world
        self._timeout = timeout_seconds
        self.number = server.number()
        self.name = ""
        self.broken = False
        self._replies: list[Any] = []  # a value, an exception, or a pending XREAD or WAIT
        self._written = 0  # the offset of its last write
        self._skips = False  # the next reply
        self._transaction: list[list[bytes]] | None = None
        self._world.pause()
        if not server.up:
            raise redis.ConnectionError("refused")
        server.connections[self.number] = self

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.broken = True
        self._server.connections.pop(self.number, None)

    def send(self, commands: list[bytes]) -> None:
        self._world.pause()
        if self.broken:
            raise redis.ConnectionError("the connection was closed")
        for command in _commands(b"".join(commands)):
            self._dispatch(command)

    def receive(self) -> Any:
        assert self._replies or self.broken, "nothing is to come"
        if not self._world.wait(self.readable, self._timeout):
            self.close()
            raise redis.TimeoutError("no reply")
        if self.broken:
            raise redis.ConnectionError("the connection ended")
        reply = self._replies.pop(0)
        return reply.give() if isinstance(reply, _Read | _Wait) else reply

    def has_reply(self) -> bool:
        """Now and then the next one is not there yet, and the engine goes on meanwhile."""
        self._world.pause()
        return self.broken or (self.readable() and self._world.chance.random() < SWIFT)

    def readable(self) -> bool:
        if self.broken:
            return True
        if not self._replies:
            return False
        first = self._replies[0]
        return not isinstance(first, _Read | _Wait) or first.ready()

    def _dispatch(self, command: list[bytes]) -> None:
        before, skips = self._server.written, self._skips
        self._answer(command)
        if skips or self._skips:
            self._replies.pop()
        self._skips = self._skips and not skips
        if self._server.written > before:
            self._written = self._server.written

    def _answer(self, command: list[bytes]) -> None:
        name = command[0].upper()
        if name == b"MULTI":
            self._transaction = []
            self._replies.append(b"OK")
        elif name == b"EXEC":
            assert self._transaction is not None
            queued, self._transaction = self._transaction, None
            if self._server.full:
                self._replies.append(redis.ResponseError("EXECABORT Transaction discarded because of: OOM"))
            else:
                self._replies.append([self._execute(each) for each in queued])
        elif self._transaction is not None:
            full = self._server.full
            self._replies.append(redis.ResponseError("OOM command not allowed") if full else b"QUEUED")
            self._transaction.append(command)
        else:
            self._replies.append(self._execute(command))

    def _execute(self, command: list[bytes]) -> Any:
        name, arguments = command[0].upper(), command[1:]
        server = self._server
        try:
            if name == b"XADD" and arguments[1] == b"MAXLEN":
                marked = server.add_mark(arguments[0].decode(), _id(arguments[3]), arguments[5], again=False)
                return str(marked).encode()
            if name == b"EVAL" and arguments[0] == COMPARED:
                return b"OK"
            if name == b"EVAL":
                marked = server.add_mark(arguments[2].decode(), _id(arguments[3]), arguments[5], again=True)
                return str(marked).encode()
            if name == b"XADD":
                entry = None if arguments[1] == b"*" else _id(arguments[1])
                return str(server.add(arguments[0].decode(), arguments[3], entry)).encode()
            if name == b"XRANGE":
                count = int(arguments[4])
                log, first, last = server.stream(arguments[0].decode()), _id(arguments[1].lstrip(b"(")), arguments[2]
                return [[str(e).encode(), [FIELD, log.entries[e]]] for e in log.after(first) if e <= _id(last)][:count]
            if name == b"XREAD":
                return _Read(server, command)
            if name == b"XREVRANGE":
                marks = server.stream(arguments[0].decode()).entries
                return [[str(entry).encode(), [SERVER, block]] for entry, block in marks.items()]
            if name == b"INFO":
                return b"run_id:" + server.run_id
            if name == b"WAIT":
                return _Wait(server, self._written, int(arguments[0]), int(arguments[1]) / 1000)
            if name == b"ROLE":
                return [b"master", 0, []]
            if name == b"CLIENT" and arguments[0] == b"REPLY":
                self._skips = True
                return None
            if name == b"CLIENT":
                self.name = arguments[1].decode()
                return b"OK"
            assert name == b"PUBLISH", command
            server.published.setdefault(arguments[0].decode(), []).append(arguments[1])
            return 1
        except redis.ResponseError as error:
            return error


class _Read:
    """XREAD BLOCK, not answered yet."""

    def __init__(self, server: Server, command: list[bytes]) -> None:
        self._server, self._count = server, int(command[2])
        names = command[command.index(b"STREAMS") + 1 :]
        half = len(names) // 2
        self._wanted = [(name.decode(), _id(after)) for name, after in zip(names[:half], names[half:], strict=True)]
        self._until = server.world.now + int(command[4]) / 1000

    def ready(self) -> bool:
        return self._server.world.now >= self._until or any(
            self._server.stream(name).top > after for name, after in self._wanted
        )

    def give(self) -> Any:
        answer = []
        for name, after in self._wanted:
            log = self._server.stream(name)
            rows = [[str(entry).encode(), [FIELD, log.entries[entry]]] for entry in log.after(after)[: self._count]]
            if rows:
                answer.append([name.encode(), rows])
        return answer or None


class _Wait:
    """WAIT, not answered yet."""

    def __init__(self, server: Server, written: int, wanted: int, seconds: float) -> None:
        self._server, self._written, self._wanted = server, written, wanted
        self._until = server.world.now + seconds

    def ready(self) -> bool:
        return self._server.world.now >= self._until or self._server.replicated() >= self._written

    def give(self) -> int:
        return self._wanted if self._server.replicated() >= self._written else 0


def _commands(data: bytes) -> Iterable[list[bytes]]:
    at = 0
    while at < len(data):
        end = data.index(b"\r\n", at)
        count, at = int(data[at + 1 : end]), end + 2
        parts = []
        for _ in range(count):
            end = data.index(b"\r\n", at)
            size = int(data[at + 1 : end])
            parts.append(data[end + 2 : end + 2 + size])
            at = end + 4 + size
        yield parts
