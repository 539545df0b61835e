"""Names that all servers of a host remember until a given moment: signatures that were used, sessions that were ended.

    sets of WAYS entries:   WAYS words   until when (Unix ms), 0: free
                            2 * WAYS     the names: 16 bytes that nobody can choose

A name may be in either of two sets, and goes into the emptier one: so both are full only when three fifths of all room
are taken, where of one set alone some are full at a third. Then it is refused, because forgetting would admit what must
not be. Non-goals: what is named.
"""

from pathlib import Path
from typing import Final

from engine_core.edge.shared_words import WORD, SharedWords

FILE: Final = "used-signatures"
ENDED_SESSIONS: Final = "ended-sessions"  # the file of the sessions that a log-out ended
SETS: Final = 1 << 17  # 25 MB, a million places: at a window of 60 s, good for 10,000 requests/s
NAME_BYTES: Final = 16
WAYS: Final = 8
_LAYOUT: Final = 2
SET_WORDS: Final = 3 * WAYS


class Full(Exception):
    """There is no room to remember another name."""


class Remembered:
    """A set of names with an end each, shared through the file at `path`."""

    def __init__(self, path: Path, sets: int = SETS) -> None:
        self._shared = SharedWords(path, sets * SET_WORDS, _LAYOUT)
        self._sets = sets

    def close(self) -> None:
        self._shared.close()

    def add(self, name: bytes, until_ms: int, now_ms: int) -> bool:
        """Whether the name was not there; it is now. Full if there is no room."""
        (first, other), shared = self._sets_of(name), self._shared
        shared.lock()
        try:
            if self._is_at(first, name, now_ms) or self._is_at(other, name, now_ms):
                return False
            way = self._free_way(first, now_ms)
            if way and (less := self._free_way(other, now_ms)) < way:
                first, way = other, less
            if way == WAYS:
                raise Full
            at = (first + WAYS) * WORD + way * NAME_BYTES
            shared.bytes[at : at + NAME_BYTES] = name
            shared.words[first + way] = until_ms
            return True
        finally:
            shared.unlock()

    def has(self, name: bytes, now_ms: int) -> bool:
        first, other = self._sets_of(name)
        return self._is_at(first, name, now_ms) or self._is_at(other, name, now_ms)

    def _sets_of(self, name: bytes) -> tuple[int, int]:
        """The first words of both."""
        assert len(name) == NAME_BYTES
        one, other = int.from_bytes(name[:8], "little"), int.from_bytes(name[8:], "little")
        return one % self._sets * SET_WORDS, other % self._sets * SET_WORDS

    def _free_way(self, first: int, now_ms: int) -> int:
        """The first one; it says how full the set is, too."""
        words = self._shared.words
        for way in range(WAYS):
            if words[first + way] < now_ms:
                return way
        return WAYS

    def _is_at(self, first: int, name: bytes, now_ms: int) -> bool:
        begin = (first + WAYS) * WORD
        names = bytes(self._shared.bytes[begin : begin + WAYS * NAME_BYTES])
        at = names.find(name)
        while at >= 0:
            if at % NAME_BYTES == 0 and self._shared.words[first + at // NAME_BYTES] >= now_ms:
                return True
            at = names.find(name, at + 1)
        return False
