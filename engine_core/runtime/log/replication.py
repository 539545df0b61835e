"""Which of the events so many replicas have: the question (WAIT), and the mark by which readers of the stream know it.

    flush   [begin] [mark] [MULTI, events, EXEC] WAIT        the next one is sent when WAIT is answered

WAIT counts the replicas that have the last write of its own connection. Replicas take one stream of all writes, in
their order, so whoever has that write has what came before it: the commands, which were read before their events were
made, and the events. It answers at once, and proves nothing, where this connection has written nothing since; so events
that somebody else has published, or an earlier connection, are followed by a small write of our own, which makes the
mark anew.

Non-goals: what is kept back meanwhile (runtime/held.py, queries.py), and who reads the mark (transport/replicated.py).
"""

from typing import Any

import redis

from engine_core.runtime.log.tail import NOT_ABOVE_TOP
from engine_core.transport.redis_connection import Connection
from engine_core.transport.replicated import SERVER, mark_of, run_id_of
from engine_core.wire.streams import ORIGIN, EntryId, Keys, pack

WAIT_MS = 300  # then the engine says that it waits, and asks again
TOLD_MS = 2_000  # what it says is forgotten, should it hang itself
_FIRST = EntryId(0, 1)  # the mark of a log of which no event may be read yet
# Also when Redis is full: what waits there are cancels that make room.
_BEGIN = b"""#!lua flags=allow-oom
redis.call('DEL', KEYS[1])
return redis.call('XADD', KEYS[1], ARGV[1], ARGV[2], ARGV[3])"""
_TELL = "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])"


class Replication:
    """Of one active engine. `wanted`: replicas that must have what leaves it."""

    def __init__(self, names: Keys, wanted: int) -> None:
        self.wanted = wanted
        self.there = 0  # replicas that the last WAIT has counted
        self.position = ORIGIN  # up to here they have both logs
        self.waiting = ""  # why not further, in words. From any thread
        self._names = names
        self._server = b""
        self._mark = _FIRST
        self._begins = True  # the mark is to be made, for this server
        self._told = ""  # that Redis has been told of it
        self._written = ORIGIN  # events before the last write of this connection
        self._asked: list[tuple[bytes, EntryId]] = []  # own commands under way, and the position that each is about

    def begin(self, connection: Connection, top: EntryId) -> None:
        """Over this connection from now on: to a log that was compared, and ends there."""
        marks = self._names.replicated.encode()
        connection.send([pack(b"XREVRANGE", marks, b"+", b"-", b"COUNT", b"1"), pack(b"INFO", b"server")])
        mark, info = mark_of(connection.receive()), connection.receive()
        self._mark = min(mark.entry, top) if mark is not None and top != ORIGIN else _FIRST
        self._server = run_id_of(info)
        self._begins, self._written, self._asked = True, ORIGIN, []

    def is_behind(self, confirmed: EntryId) -> bool:
        """Whether events up to there, which the log has, may not leave yet."""
        return self.position < confirmed

    def before(self, confirmed: EntryId) -> list[bytes]:
        """Commands of our own, each with one reply, to be sent before more events. `confirmed`: what the log has."""
        commands, self._asked = [], []
        marks = self._names.replicated.encode()
        if self._begins or self._written < confirmed:
            commands.append(pack(b"EVAL", _BEGIN, b"1", marks, str(self._mark).encode(), SERVER, self._server))
            self._asked.append((b"BEGIN", confirmed))
        if self._mark < self.position:
            entry = str(self.position).encode()
            commands.append(pack(b"XADD", marks, b"MAXLEN", b"1", entry, SERVER, self._server))
            self._asked.append((b"MARK", self.position))
        return commands

    def take(self, replies: list[Any]) -> str:
        """The answers to `before`. What was refused is sent again with the next one: why, if anything was."""
        refusal = ""
        for (name, position), reply in zip(self._asked, replies, strict=True):
            is_refused = isinstance(reply, Exception)
            if name == b"MARK":  # refused for its ID: another engine is active, and ahead
                if not is_refused or NOT_ABOVE_TOP in str(reply):
                    self._mark = position
            elif is_refused:
                refusal = str(reply)
            else:
                self._begins = False
                self.wrote(position)
        return refusal

    def wrote(self, position: EntryId) -> None:
        """This connection has written something after the events up to there."""
        self._written = max(self._written, position)

    def ask(self) -> bytes:
        return pack(b"WAIT", b"%d" % self.wanted, b"%d" % WAIT_MS)

    def answered(self, reply: Any) -> None:
        """What WAIT says."""
        if isinstance(reply, Exception):
            raise redis.ConnectionError(f"WAIT: {reply}")
        self.there = int(reply)
        if self.there >= self.wanted:
            self.position, self.waiting = max(self.position, self._written), ""
        else:
            self.waiting = f"waiting for {self.wanted} {_replicas(self.wanted)}, {self.there} {_are(self.there)} there"

    def tell(self, client: redis.Redis) -> None:
        """Have Redis say why nothing leaves, for as long as that is so."""
        if self.waiting:
            client.eval(_TELL, 1, self._names.held, self.waiting, str(TOLD_MS))
        elif self._told:
            client.delete(self._names.held)
        self._told = self.waiting


def _replicas(count: int) -> str:
    return "replica" if count == 1 else "replicas"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
