"""The friendly client of redis-py, as far as the engine, trimming and the writer use it, over the simulated server."""

from typing import Any

import numpy as np
import redis

from engine_core.wire.streams import FIELD, ORIGIN, EntryId, StreamEntries, keys
from tests.simulated.server import Server, SimConnection

NAMES = keys(0)


def _bound(text: str) -> tuple[EntryId, bool]:
    """(entry, exclusive)."""
    if text == "-":
        return ORIGIN, False
    if text == "+":
        return EntryId(1 << 62, 0), False
    return EntryId.parse(text.lstrip("(")), text.startswith("(")


class SimClient:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = SimConnection(server, 10.0)

    def close(self) -> None:
        self._connection.close()

    def _ask(self) -> Server:
        """The server, if a command reaches it and its reply comes back."""
        self._server.world.pause()
        if self._connection.broken:
            raise redis.ConnectionError("the connection ended")
        return self._server

    def _rows(self, name: str, entries: list[EntryId]) -> StreamEntries:
        blocks = self._server.stream(name).entries
        return [(str(entry).encode(), {FIELD: blocks[entry]}) for entry in entries]

    def xinfo_stream(self, name: str) -> dict[str, Any]:
        log = self._ask().stream(name)
        if not log.added:
            raise redis.ResponseError("no such key")
        rows = self._rows(name, [next(iter(log.entries)), next(reversed(log.entries))]) if log.entries else [None, None]
        return {
            "last-generated-id": str(log.top),
            "entries-added": log.added,
            "length": len(log.entries),
            "first-entry": rows[0],
            "last-entry": rows[1],
        }

    def xlen(self, name: str) -> int:
        return len(self._ask().stream(name).entries)

    def xrange(self, name: str, min: str = "-", max: str = "+", count: int | None = None) -> StreamEntries:
        log = self._ask().stream(name)
        (first, open_first), (last, _) = _bound(min), _bound(max)
        if first == last:
            return self._rows(name, [first] if first in log.entries else [])
        found = [entry for entry in log.entries if first <= entry <= last and not (open_first and entry == first)]
        return self._rows(name, found[:count])

    def xrevrange(self, name: str, max: str = "+", min: str = "-", count: int | None = None) -> StreamEntries:
        log = self._ask().stream(name)
        return self._rows(name, list(log.entries)[::-1][:count])

    def xread(self, streams: dict[str, str], count: int | None = None, block: int | None = None) -> Any:
        wanted = [(name, EntryId.parse(after)) for name, after in streams.items()]
        server = self._ask()
        if block is not None:
            server.world.wait(
                lambda: self._connection.broken or any(server.stream(name).top > after for name, after in wanted),
                block / 1000,
            )
            self._ask()
        found = [(name, server.stream(name).after(after)[:count]) for name, after in wanted]
        return [[name.encode(), self._rows(name, entries)] for name, entries in found if entries] or None

    def xtrim(self, name: str, minid: str, approximate: bool, limit: int) -> int:
        return self._ask().trim(name, EntryId.parse(minid), limit)

    def xadd(self, name: str, fields: dict[bytes, bytes], id: str = "*") -> bytes:
        entry = None if id == "*" else EntryId.parse(id)
        return str(self._ask().add(name, fields[FIELD], entry)).encode()

    def info(self, section: str) -> dict[str, int]:
        return {"used_memory_dataset": sum(len(log.entries) for log in self._ask().streams.values())}

    def smembers(self, name: str) -> set[bytes]:
        return set(self._ask().sets.get(name, ()))

    def srem(self, name: str, *members: str) -> int:
        self._ask().members(name, [member.encode() for member in members], are=False)
        return len(members)

    def sadd(self, name: str, *members: str) -> int:
        server = self._ask()
        if server.full:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")
        server.members(name, [member.encode() for member in members], are=True)
        return len(members)

    def get(self, name: str) -> bytes | None:
        server = self._ask()
        is_over = server.expires.get(name, float("inf")) <= server.world.now
        return None if is_over else server.values.get(name)

    def set(self, name: str, value: bytes, px: int) -> None:
        server = self._ask()
        if server.full:
            raise redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'.")
        server.set(name, value)
        server.expires[name] = server.world.now + px / 1000

    def delete(self, name: str) -> None:
        self._ask().expires[name] = 0.0

    def exists(self, name: str) -> bool:
        return bool(self._ask().stream(name).entries)

    def eval(self, script: str, keys: int, *arguments: str) -> Any:
        server = self._ask()
        if "XREVRANGE" in script:
            return str(server.stream(arguments[0]).top).encode()
        assert "SET" in script
        server.set(arguments[0], arguments[1].encode())
        if "PX" in script:
            server.expires[arguments[0]] = server.world.now + int(arguments[2]) / 1000
        return b"OK"

    def ask(self, question: bytes) -> None:
        """ASK_SCRIPT: stamped with the top of the command log, and in no journal."""
        server = self._ask()
        stamp = np.array(server.stream(NAMES.orders).top, "<i8").tobytes()
        server.add(NAMES.queries, question + stamp, None, kept=False)

    def client_list(self) -> list[dict[str, str]]:
        return [{"id": str(each.number), "name": each.name} for each in self._ask().connections.values()]

    def client_kill_filter(self, _id: str) -> int:
        connection = self._ask().connections.pop(int(_id), None)
        if connection is not None:
            connection.broken = True
        return int(connection is not None)

    def pipeline(self, transaction: bool) -> "Pipeline":
        return Pipeline(self)


class Pipeline:
    """A transaction: nobody comes in between."""

    def __init__(self, client: SimClient) -> None:
        self._client = client
        self._adds: list[tuple[str, bytes, EntryId | None]] = []
        self._watched = ""
        self._top = ORIGIN

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def watch(self, name: str) -> None:
        self._watched, self._top = name, self._client._ask().stream(name).top

    def multi(self) -> None:
        return None

    def xlen(self, name: str) -> int:
        return self._client.xlen(name)

    def xadd(self, name: str, fields: dict[bytes, bytes], id: str = "*") -> None:
        self._adds.append((name, fields[FIELD], None if id == "*" else EntryId.parse(id)))

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        server = self._client._ask()
        if self._watched and server.stream(self._watched).top != self._top:
            raise redis.WatchError
        outcomes: list[Any] = []
        for name, block, entry in self._adds:
            try:
                outcomes.append(server.add(name, block, entry))
            except redis.ResponseError as error:
                if raise_on_error:
                    raise
                outcomes.append(error)
        return outcomes
